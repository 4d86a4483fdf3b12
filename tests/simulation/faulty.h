// Stores and a datapath in memory that fail, forget and crash on demand.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "device-agent/commit/change_store.h"
#include "device-agent/datapath/driver.h"
#include "server-agent/store/write_ahead.h"
#include "tests/support/small_world.h"

namespace tenet::simulation {

// The process ends here, at once.
struct Crash {};

// Counts the effects of a process until it crashes.
class Fuse {
 public:
  void arm(std::size_t effects) { left_ = effects; }
  void disarm() { left_.reset(); }
  // An effect is about to happen, or has just happened.
  void burn();

 private:
  std::optional<std::size_t> left_;
};

// When a store refuses to write.
struct Disk {
  std::size_t healthy = 0;  // writes and commits before the next failures
  std::size_t failures = 0;
  bool full = false;
  std::size_t failed = 0;  // so far
  Result<void> use();
};

// What a device agent has stored. What was not committed is gone after a crash.
class SimStore : public device::ChangeStore {
 public:
  explicit SimStore(Fuse& fuse) : fuse_(fuse) {}
  Result<void> write(const device::DeviceChanges& changes) override;
  Result<void> commit() override;
  void rollback() override { written_.reset(); }
  const device::DeviceChanges& durable() const { return durable_; }
  Disk disk;

 private:
  Fuse& fuse_;
  device::DeviceChanges durable_;
  std::optional<device::DeviceChanges> written_;
};

// What the operators of a server want, as its store has it.
struct Wishes {
  std::map<Vnid, server::ServerChanges::NetworkRow> networks;
  std::map<MemberKey, server::PlacedVm> vms;
  std::uint64_t epoch = 0;
};
std::string dump(const Wishes& wishes);

class SimDesiredStore : public server::DesiredStore {
 public:
  explicit SimDesiredStore(Fuse& fuse) : fuse_(fuse) {}
  Result<void> write(const server::ServerChanges& changes) override;
  Wishes durable;
  Disk disk;

 private:
  Fuse& fuse_;
};

// A kernel: it stays when the agent crashes.
class SimDriver : public device::Driver {
 public:
  SimDriver(Fuse& fuse, device::Capabilities capabilities)
      : fuse_(fuse), capabilities_(std::move(capabilities)) {}
  std::string_view name() const override { return "simulated"; }
  const device::Capabilities& capabilities() const override { return capabilities_; }
  Result<device::Restored> restore(const device::DatapathState& wanted) override;
  std::vector<device::DriverRefusal> apply(const device::DatapathDelta& delta) override;

  const device::DatapathState& state() const { return state_; }
  // Whether others have changed something since the last restore().
  bool drifted() const { return drifted_; }
  void refuse_next(std::uint64_t bits) { refusal_ = bits; }
  void forget();                   // a reboot
  void drift(std::uint64_t bits);  // somebody else was here
  std::set<Vnid> lacking;          // networks that cannot be enforced as a whole

 private:
  std::vector<device::DriverRefusal> refusals(const device::DatapathDelta& delta);
  bool starts_from_here(const device::DatapathDelta& delta) const;

  Fuse& fuse_;
  device::Capabilities capabilities_;
  device::DatapathState state_;
  bool drifted_ = false;
  std::optional<std::uint64_t> refusal_;
};

}  // namespace tenet::simulation
