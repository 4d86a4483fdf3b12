// The device's core under any sequence of messages of a small world (tests/property/small_world.h):
// its laws hold after each of them.
#include "device-agent/core/device_core.h"

#include <algorithm>
#include <map>

#include "tests/fuzz/target.h"
#include "tests/support/small_world.h"

namespace tenet::fuzz {
namespace {

using namespace tenet::device;
using namespace tenet::testing;

template <class T>
const T& pick(Choices& choices, const std::vector<T>& values) {
  return values[choices.below(values.size())];
}

// Each is made once, since its digest takes longer than what the core does with it.
PolicyPtr read_policy(Choices& choices, Vnid vnid) {
  static std::map<std::pair<Vnid, std::size_t>, PolicyPtr> made;
  const std::size_t what = choices.below(4 * kContents);
  PolicyPtr& out = made[{vnid, what}];
  if (!out) out = policy(vnid, 1 + what / kContents, static_cast<Content>(what % kContents));
  return out;
}

VmPtr read_vm(Choices& choices) {
  const VmId& id = pick(choices, vm_ids());
  const std::size_t mac_number = choices.below(8);
  const std::uint8_t flags = choices.byte();
  return vm(id, mac_number, (flags & 1) != 0 ? VmState::associated : VmState::pre_associated,
            (flags & 2) != 0, (flags & 4) != 0 ? "eth1" : "");
}

Operation read_operation(Choices& choices) {
  const std::size_t kind = choices.below(8);
  const Vnid vnid = pick(choices, vnids());
  if (kind == 0) return PolicySync{read_policy(choices, vnid)};
  if (kind == 1) return PolicyUpdate{read_policy(choices, vnid)};
  if (kind == 2) return PolicyWithdraw{vnid};
  if (kind == 3) return Dissociate{vnid, pick(choices, vm_ids())};
  Associate out{vnid, read_vm(choices)};
  if ((kind & 1) != 0) out.from = pick(choices, servers());
  if ((kind & 2) != 0) out.policy = read_policy(choices, vnid);
  return out;
}

// A core with what a store and a datapath have of it.
class World {
 public:
  void step(Choices& choices) {
    const std::size_t what = choices.below(8);
    const ServerName& server = pick(choices, servers());
    if (what == 0) {
      core_.commit();
      stored_ = everything_;
      applied_ = path_;
    } else if (what == 1) {
      core_.rollback();
      everything_ = stored_;
      path_ = applied_;
      require(core_.changes().empty() && core_.datapath_delta().empty(),
              "law 2: nothing is left to do after a rollback");
    } else if (what == 2) {
      now_ += std::chrono::minutes(choices.below(120));
      core_.expire(now_);
    } else if (what == 3) {
      // Perhaps of an older sequence.
      const std::uint64_t seq = seq_ + 2 - std::min<std::uint64_t>(choices.below(4), seq_);
      if (core_.hello(server, {1, seq}, now_)) seq_ = std::max(seq_, seq);
    } else if (what == 4) {
      core_.synced(server, now_);
    } else {
      batch(server, choices);
    }
    check();
  }

 private:
  void batch(const ServerName& server, Choices& choices) {
    Batch batch{{1, ++seq_}, {}};
    const std::size_t count = 1 + choices.below(4);
    while (batch.operations.size() < count) batch.operations.push_back(read_operation(choices));
    const DeviceCore before = core_;
    const auto answer = core_.batch(server, batch, now_);
    require(answer.has_value(), "a new message is applied");
    require(answer->results.size() == count, "each operation has its answer");
    // The batch without what was refused does the same.
    Batch accepted{batch.sequence, {}};
    for (std::size_t i = 0; i < count; ++i) {
      const auto& result = answer->results[i];
      if (!result) accepted.operations.push_back(batch.operations[i]);
      require(!result || (!result->text.empty() && !result->witness.empty()),
              "law 2: a refusal has a text and a witness");
    }
    DeviceCore other = before;
    const auto again = other.batch(server, accepted, now_);
    require(again.has_value() && dump(other) == dump(core_), "law 2: a refusal leaves no trace",
            [&] { return dump(before); });
    for (const auto& result : again->results) {
      require(!result, "law 2: what was accepted does not need what was refused",
              [&] { return dump(before); });
    }
    const std::string after = dump(core_);
    require(!core_.batch(server, batch, now_), "law 3: a duplicate is stale");
    require(dump(core_) == after, "law 3: a duplicate changes nothing", std::string_view(after));
  }

  void check() {
    const std::string broken = broken_invariant(core_);
    const auto seen = [this] { return dump(core_); };
    require(broken.empty(), broken, seen);
    everything_ = stored_;
    store(everything_, core_.changes());
    DeviceCore loaded(limits());
    loaded.load(everything_);
    require(dump(loaded) == dump(core_), "law 8: what was stored rebuilds the core", seen);
    const DatapathDelta delta = core_.datapath_delta();
    path_ = applied_;
    merge(path_, delta);
    require(path_ == core_.datapath_state(), "law 9: the datapath by steps is the one from empty",
            seen);
    DatapathState back = path_;
    merge(back, delta.reversed());
    require(back == applied_, "a delta can be taken back", seen);
  }

  DeviceCore core_{limits()};
  DeviceChanges stored_;      // committed
  DeviceChanges everything_;  // and what is pending
  DatapathState applied_;
  DatapathState path_;
  std::uint64_t seq_ = 0;
  WallTime now_ = kStart;
};

}  // namespace
}  // namespace tenet::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenet::fuzz;
  constexpr std::size_t kSteps = 40;
  Choices choices(text_of(data, size));
  World world;
  for (std::size_t i = 0; i < kSteps && !choices.empty(); ++i) world.step(choices);
  return 0;
}
