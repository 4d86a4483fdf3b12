// What a device agent asks of a datapath: three verbs, on intents. Drivers know no policy kinds, no
// servers and no XMPP.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/core/error.h"
#include "common/core/intent.h"
#include "common/core/vm.h"
#include "common/core/vnid.h"

namespace tenet::device {

struct MemberKey {
  Vnid vnid;
  VmId vm;
  auto operator<=>(const MemberKey&) const = default;
};
std::string text(const MemberKey& key);  // "4096/web-1"

// Everything that is to be in force: the intents of each VNID, and the VMs that may talk in it.
struct DatapathState {
  std::map<Vnid, std::vector<Intent>> networks;
  std::map<MemberKey, VmPtr> members;
};
bool operator==(const DatapathState& a, const DatapathState& b);

// What changes: new intents and VMs by key; an empty value removes.
struct DatapathDelta {
  std::map<Vnid, std::optional<std::vector<Intent>>> networks;
  std::map<MemberKey, VmPtr> members;
  bool empty() const { return networks.empty() && members.empty(); }
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

class Driver {
 public:
  virtual ~Driver() = default;
  virtual std::string_view name() const = 0;
  // Probed once, when the driver is made.
  virtual const Capabilities& capabilities() const = 0;
  // What is really in force now, of our own objects. Errors: io.
  virtual Result<DatapathState> read() = 0;
  // Applies the whole delta at once. An empty answer: all of it is in force. Otherwise nothing of
  // it is, and each refusal names a culprit.
  virtual std::vector<DriverRefusal> apply(const DatapathDelta& delta) = 0;
};

}  // namespace tenet::device
