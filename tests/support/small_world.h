// A world so small that everything in it collides: three servers, three VNIDs, a few VMs and MACs,
// policies that a device refuses for every reason there is. What random histories are made of.
// tests/generators makes single values of any shape; here it is the meeting of values that matters.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "common/core/message.h"
#include "device-agent/core/device_core.h"

namespace tenet::testing {

// Seeded and the same everywhere: no distribution of the standard library is used.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t bits() { return engine_(); }
  std::size_t below(std::size_t n) { return engine_() % n; }
  bool chance(std::size_t percent) { return below(100) < percent; }
  template <class T>
  const T& pick(const std::vector<T>& values) {
    return values[below(values.size())];
  }

 private:
  std::mt19937_64 engine_;
};

// TENET_SEEDS seeds if that is set, else `otherwise`; the first is TENET_FIRST_SEED, or 1.
std::vector<std::uint64_t> seeds(std::size_t otherwise);

// When a story begins. Nobody looks at a clock here.
inline constexpr WallTime kStart{std::chrono::seconds(1'800'000'000)};

const std::vector<device::ServerName>& servers();  // bare JIDs
const std::vector<Vnid>& vnids();
const std::vector<VmId>& vm_ids();

// What a policy asks for. A device of limits() refuses the last four.
enum class Content : std::uint8_t {
  nothing,
  two_rules,
  five_rules,
  reservation,
  group_one,
  group_two,
  other_segment,  // the VNI of another VNID: in conflict once both are there
  contradiction,  // of the baseline
  unsupported,
};
inline constexpr std::size_t kContents = 9;

PolicyPtr policy(Vnid vnid, Revision revision, Content content = Content::nothing);
PolicyPtr random_policy(Random& random, Vnid vnid);
Mac mac(std::size_t n);
VmPtr vm(const VmId& id, std::size_t mac_number, VmState state = VmState::associated,
         bool reserve = false, std::string port = {});
VmPtr random_vm(Random& random, Vnid vnid);

// Tight in every capacity, with a baseline, without mirrors.
device::DeviceOptions limits();
// Grants everything.
device::DeviceOptions generous();

Operation random_operation(Random& random);
std::vector<Operation> random_operations(Random& random, std::size_t most);

// Everything that a core knows, as text: views, policies, claims, usage, datapath.
std::string dump(const device::DeviceCore& core);
// What must hold at every moment: laws 2, 3 and 7. Empty if it does, else what is wrong.
std::string broken_invariant(const device::DeviceCore& core);
// Adds changes to what a store holds, as a store does.
void store(device::DeviceChanges& everything, const device::DeviceChanges& changes);
std::string dump(const DeviceView& view);

}  // namespace tenet::testing
