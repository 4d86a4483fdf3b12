// Whom a refusal of the datapath hits: on a real store, and a datapath whose sensor comes and goes.
#include "device-agent/commit/commit_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "device-agent/commit/device_store.h"
#include "tests/support/small_world.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

const Vnid kNet(4096);
const ServerName kA = servers()[0];
const ServerName kB = servers()[1];
const Error kNoSensor{Code::unsupported, "the sensor port is not there"};

// A kernel on which the port of the sensor may be absent: no policy that wants it can come then.
class SensorDriver : public Driver {
 public:
  std::string_view name() const override { return "sensor"; }
  const Capabilities& capabilities() const override { return capabilities_; }
  Result<Restored> restore(const DatapathState& wanted) override {
    Restored out;
    for (const auto& [vnid, intents] : wanted.networks) {
      if (!there && wants_sensor(intents)) out.missing.push_back({vnid, kNoSensor});
    }
    return out;
  }
  std::vector<DriverRefusal> apply(const DatapathDelta& delta) override {
    std::vector<DriverRefusal> out;
    for (const auto& [vnid, change] : delta.networks) {
      if (!there && change.after && wants_sensor(*change.after)) out.push_back({vnid, kNoSensor});
    }
    return out;
  }
  bool there = false;

 private:
  static bool wants_sensor(const std::vector<Intent>& intents) {
    return find_intent<Mirror>(intents) != nullptr;
  }
  Capabilities capabilities_;
};

class CommitLoopTest : public ::testing::Test {
 protected:
  CommitLoopTest() {
    std::filesystem::create_directory(folder);
    store.emplace(DeviceStore::open(folder / "device.db").value());
    rounds.emplace(core, *store, driver);
  }
  ~CommitLoopTest() override { std::filesystem::remove_all(folder); }

  ServerRequest request(const ServerName& server, std::vector<Operation> operations) {
    return {server, Batch{{1, ++seq}, std::move(operations)}};
  }
  static std::vector<OperationResult> results(const Result<Answer>& answer) {
    return std::get<BatchAnswer>(*answer).results;
  }
  std::vector<OperationResult> one(const ServerName& server, std::vector<Operation> operations) {
    return results(rounds->run({request(server, std::move(operations))}, kStart).value().at(0));
  }

  // Content::unsupported is a mirror.
  PolicyPtr with_sensor(Revision revision) { return policy(kNet, revision, Content::unsupported); }

  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("tenet-rounds-" + std::to_string(::getpid()));
  DeviceCore core{generous()};
  std::optional<DeviceStore> store;
  SensorDriver driver;
  std::optional<CommitLoop> rounds;
  std::uint64_t seq = 0;
};

TEST_F(CommitLoopTest, Law2_ARefusedPolicyRefusesNobodyWhoFitsTheOneInForce) {
  one(kA, {PolicySync{policy(kNet, 1)}, Associate{kNet, vm("v1", 1)}});
  one(kB, {PolicySync{policy(kNet, 1)}, Associate{kNet, vm("v2", 2)}});
  const auto answers =
      rounds->run({request(kA, {PolicyUpdate{with_sensor(2)}, Associate{kNet, vm("v3", 3)}}),
                   request(kB, {Dissociate{kNet, "v2"}, Associate{kNet, vm("v4", 4)}})},
                  kStart);
  EXPECT_EQ(results(answers->at(0)), (std::vector<OperationResult>{kNoSensor, std::nullopt}));
  EXPECT_EQ(results(answers->at(1)), (std::vector<OperationResult>{std::nullopt, std::nullopt}));
  EXPECT_EQ(core.networks().at(kNet).policy->revision(), 1U);
  EXPECT_EQ(core.datapath_state().members.size(), 3U);
}

TEST_F(CommitLoopTest, ANewNetworkThatIsRefusedTakesItsVmsWithIt) {
  EXPECT_EQ(one(kA, {PolicySync{with_sensor(1)}, Associate{kNet, vm("v1", 1)}}),
            (std::vector<OperationResult>{kNoSensor, kNoSensor}));
  EXPECT_TRUE(core.networks().empty());
}

// The last claim went and the next came in one round, so that nothing was to change.
TEST_F(CommitLoopTest, Law1_WhoBringsAPolicyAnewIsNotToldThatItIsInForce) {
  driver.there = true;
  one(kA, {PolicySync{with_sensor(1)}});
  driver.there = false;
  ASSERT_TRUE(rounds->restore());
  ASSERT_TRUE(core.unenforced().contains(kNet));
  const auto answers = rounds->run(
      {request(kA, {PolicyWithdraw{kNet}}), request(kB, {PolicySync{with_sensor(1)}})}, kStart);
  EXPECT_EQ(results(answers->at(0)), std::vector<OperationResult>{std::nullopt});
  EXPECT_EQ(results(answers->at(1)), std::vector<OperationResult>{kNoSensor});
  EXPECT_TRUE(core.networks().empty());
}

}  // namespace
}  // namespace tenet::device
