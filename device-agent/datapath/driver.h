// What a device agent needs of a datapath: capabilities, restore and apply, on intents. Drivers
// know no policy kinds, no servers and no XMPP.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/core/error.h"
#include "common/core/intent.h"
#include "common/core/member_key.h"
#include "common/core/vm.h"
#include "common/core/vnid.h"

namespace tenet::device {

// Everything that is to be in force: the intents of each VNID, and the VMs that may talk in it.
struct DatapathState {
  std::map<Vnid, std::vector<Intent>> networks;
  std::map<MemberKey, VmPtr> members;
};
bool operator==(const DatapathState& a, const DatapathState& b);

// What was and what is to be; nothing means absent.
template <class T>
struct Change {
  T before;
  T after;
  bool operator==(const Change&) const = default;
};

// What changes, by key, with the value before: a driver needs no memory of VMs, and the delta can
// be reversed.
struct DatapathDelta {
  std::map<Vnid, Change<std::optional<std::vector<Intent>>>> networks;
  std::map<MemberKey, Change<VmPtr>> members;
  bool empty() const { return networks.empty() && members.empty(); }
  DatapathDelta reversed() const;
};
// The delta that turns `from` into `to`.
DatapathDelta difference(const DatapathState& from, const DatapathState& to);
void merge(DatapathState& state, const DatapathDelta& delta);

// Which intents the driver can enforce; for the others the reason why not.
struct Capabilities {
  std::array<std::string, std::variant_size_v<Intent>> unsupported_because;
  bool supports(const Intent& intent) const { return unsupported_because[intent.index()].empty(); }
};

// A part of a delta that the datapath refuses, and why.
struct DriverRefusal {
  std::variant<Vnid, MemberKey> culprit;
  Error error;
};

// Each part of the delta, for a reason that is about all of it.
std::vector<DriverRefusal> refuse_all(const DatapathDelta& delta, const Error& error);

// What restore() found and left.
struct Restored {
  std::vector<std::string> repaired;   // one text for each kind of object that differed
  std::vector<DriverRefusal> missing;  // wanted and not in force, and why; the rest is in force
};

// An address that a VM was leased, as the datapath saw it.
struct Lease {
  Mac mac;
  IpAddress address;
  auto operator<=>(const Lease&) const = default;
};

class Driver {
 public:
  Driver() = default;
  virtual ~Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  virtual std::string_view name() const = 0;
  // Probed once, when the driver is made.
  virtual const Capabilities& capabilities() const = 0;
  // Makes what is in force, of our own objects, equal to `wanted`, whatever it was: after a start,
  // and when something else has touched it. What cannot be made, because a sensor's port has gone
  // for example, does not keep the rest from it. Errors: io; unsupported, if the kernel refuses for
  // a reason that is nobody's own.
  virtual Result<Restored> restore(const DatapathState& wanted) = 0;
  // Applies the whole delta at once. An empty answer: all of it is in force. Otherwise nothing of
  // it is, and each refusal names a culprit. The code io says that what was in force is not what
  // the delta starts from: restore() helps.
  virtual std::vector<DriverRefusal> apply(const DatapathDelta& delta) = 0;
  // Takes back the last delta that was applied, since it does not become durable. What the datapath
  // had learnt by itself of those who come back is there again too (law 2). Answers as apply().
  virtual std::vector<DriverRefusal> take_back(const DatapathDelta& delta) {
    return apply(delta.reversed());
  }
  // What was leased to VMs with that MAC. Errors: io.
  virtual Result<std::vector<Lease>> leases() { return std::vector<Lease>(); }
  // Instead of restore(), if it is unknown what is wanted: a datapath that has nothing of ours gets
  // the guards alone, which means no traffic at guarded ports (law 10). What is in force stays.
  virtual void guard() {}
  // Before the first restore(): the leases that leases() reported last, in case the datapath has
  // lost them since.
  virtual void seed_leases(const std::set<Lease>& /*leases*/) {}
  // Calls `drifted` whenever the driver notices that restore() has something to repair.
  virtual void watch(const std::function<void()>& /*drifted*/) {}
};

}  // namespace tenet::device
