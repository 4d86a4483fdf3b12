// The device's store on real files: what was committed is there, and damage is told.
#include "device-agent/commit/device_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "common/store/checked_table.h"
#include "common/store/database.h"
#include "tests/support/small_world.h"

namespace tenet::device {
namespace {

using namespace tenet::testing;

class DeviceStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(folder);
    path = folder / "device.db";
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  DeviceStore open() {
    auto store = DeviceStore::open(path);
    EXPECT_TRUE(store.has_value()) << store.error().text;
    return *std::move(store);
  }
  void execute(const std::string& sql) const {
    // Of the same schema version, so that none of these migrations runs.
    constexpr std::array<std::string_view, 4> kNone{"", "", "", ""};
    store::Database(path, kNone).execute(sql);
  }
  // As if a program had written it so, with its checksums.
  void execute_and_sign(const std::string& sql) const {
    execute(sql +
            ";UPDATE server SET checksum=tenet_checksum('server', name, epoch, seq, heard);"
            "UPDATE policy SET checksum=tenet_checksum('policy', vnid, document);"
            "UPDATE claim SET checksum=tenet_checksum('claim', server, vnid);"
            "UPDATE member SET checksum=tenet_checksum('member', server, vnid, vm, mac, addresses,"
            " port, associated, reserve)");
  }
  void fill() {
    DeviceCore core(generous());
    ASSERT_TRUE(core.batch(
        PeerId("a@x"),
        {{1, 1}, {PolicySync{policy(Vnid(4096), 1)}, Associate{Vnid(4096), vm("v1", 1)}}}, kStart));
    DeviceStore store = open();
    ASSERT_TRUE(store.write(core.changes()));
    ASSERT_TRUE(store.commit());
  }
  void make_second_version() const {
    execute(
        "DROP TABLE lease; DROP TABLE checksums;"
        "DROP TRIGGER server_added; DROP TRIGGER server_changed; DROP TRIGGER server_removed;"
        "DROP TRIGGER policy_added; DROP TRIGGER policy_changed; DROP TRIGGER policy_removed;"
        "DROP TRIGGER claim_added; DROP TRIGGER claim_changed; DROP TRIGGER claim_removed;"
        "DROP TRIGGER member_added; DROP TRIGGER member_changed; DROP TRIGGER member_removed;"
        "ALTER TABLE server DROP COLUMN checksum; ALTER TABLE policy DROP COLUMN checksum;"
        "ALTER TABLE claim DROP COLUMN checksum; ALTER TABLE member DROP COLUMN checksum;"
        "PRAGMA user_version=2");
  }
  std::string load_error() {
    auto loaded = open().load();
    EXPECT_FALSE(loaded.has_value());
    if (loaded) return {};
    EXPECT_EQ(loaded.error().code, Code::io);
    return loaded.error().text;
  }

  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("tenet-device-store-" + std::to_string(::getpid()));
  std::string path;
};

TEST_F(DeviceStoreTest, Law8_WhatWasCommittedIsThereAfterReopening) {
  Random random(11);
  DeviceCore core(limits());
  for (std::uint64_t i = 1; i <= 60; ++i) {
    ASSERT_TRUE(core.batch(random.pick(servers()),
                           {{i, UINT64_MAX - i}, random_operations(random, 4)},
                           kStart + std::chrono::minutes(i)));
    DeviceStore store = open();
    ASSERT_TRUE(store.write(core.changes()));
    if (random.chance(25)) {
      store.rollback();
      core.rollback();
    } else {
      ASSERT_TRUE(store.commit());
      core.commit();
    }
    DeviceCore loaded(limits());
    loaded.load(store.load().value());
    ASSERT_EQ(dump(loaded), dump(core)) << "after " << i << " batches";
  }
}

TEST_F(DeviceStoreTest, Law1_WhatWasNotCommittedIsGone) {
  DeviceChanges changes;
  changes.servers[PeerId("a@x")] = {{1, 1}, kStart};
  {
    DeviceStore store = open();
    ASSERT_TRUE(store.write(changes));
  }
  EXPECT_TRUE(open().load().value().empty());
}

TEST_F(DeviceStoreTest, EveryFieldOfAVmSurvives) {
  Vm full{"v1", mac(1)};
  full.addresses = {IpAddress::parse("10.0.0.1").value(), IpAddress::parse("2001:db8::1").value()};
  full.port = "eth0/1.7";
  full.state = VmState::pre_associated;
  full.reserve = true;
  DeviceCore core(generous());
  const Vnid vnid(Vnid::kMaxId, 255);
  ASSERT_TRUE(core.batch(PeerId("a@x"),
                         {{1, 1},
                          {PolicySync{policy(vnid, UINT64_MAX, Content::five_rules)},
                           Associate{vnid, std::make_shared<const Vm>(full)}}},
                         kStart));
  DeviceStore store = open();
  ASSERT_TRUE(store.write(core.changes()));
  ASSERT_TRUE(store.commit());
  const auto loaded = store.load().value();
  EXPECT_EQ(*loaded.members.begin()->second, full);
  EXPECT_EQ(loaded.policies.at(vnid)->revision(), UINT64_MAX);
  EXPECT_EQ(*loaded.policies.at(vnid), *core.networks().at(vnid).policy);
}

TEST_F(DeviceStoreTest, Law8_ReservationsEndAfterARestartWhenTheyWouldHaveEndedWithoutOne) {
  DeviceCore core(generous());
  const VmPtr reserved = vm("v1", 1, VmState::pre_associated, true);
  ASSERT_TRUE(core.batch(
      PeerId("a@x"), {{1, 1}, {PolicySync{policy(Vnid(4096), 1)}, Associate{Vnid(4096), reserved}}},
      kStart));
  DeviceStore store = open();
  ASSERT_TRUE(store.write(core.changes()));
  ASSERT_TRUE(store.commit());
  DeviceCore restarted(generous());
  restarted.load(store.load().value());
  ASSERT_TRUE(restarted.next_expiry().has_value());
  EXPECT_EQ(restarted.next_expiry(), core.next_expiry());
  ASSERT_EQ(restarted.expire(*core.next_expiry()).size(), 1U);
  ASSERT_TRUE(store.write(restarted.changes()));
  ASSERT_TRUE(store.commit());
  DeviceCore later(generous());
  later.load(store.load().value());
  EXPECT_EQ(later.next_expiry(), std::nullopt);
  EXPECT_FALSE(later.view(PeerId("a@x")).at(Vnid(4096)).vms.at("v1")->reserve);
}

// The first version knew no time; what it reserved must not end with the upgrade.
TEST_F(DeviceStoreTest, AFileOfTheFirstVersionIsTakenOverWithItsServersHeardJustNow) {
  constexpr std::array<std::string_view, 1> kFirst{
      "CREATE TABLE server(name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL)"
      " STRICT, WITHOUT ROWID;"
      "CREATE TABLE policy(vnid INTEGER PRIMARY KEY, document TEXT NOT NULL) STRICT;"
      "CREATE TABLE claim(server TEXT NOT NULL, vnid INTEGER NOT NULL, PRIMARY KEY(server, vnid))"
      " STRICT, WITHOUT ROWID;"
      "CREATE TABLE member(server TEXT NOT NULL, vnid INTEGER NOT NULL, vm TEXT NOT NULL,"
      " mac TEXT NOT NULL, addresses TEXT NOT NULL, port TEXT NOT NULL,"
      " associated INTEGER NOT NULL, reserve INTEGER NOT NULL, PRIMARY KEY(server, vnid, vm))"
      " STRICT, WITHOUT ROWID;"
      "INSERT INTO server VALUES('a@x', 3, 14)"};
  { store::Database(path, kFirst); }
  const auto before = std::chrono::system_clock::now() - std::chrono::seconds(1);
  const auto servers = open().load().value().servers;
  EXPECT_EQ(servers.at(PeerId("a@x")).last, (Sequence{3, 14}));
  EXPECT_GE(servers.at(PeerId("a@x")).last_seen, before);
}

// The second version had no checksums.
TEST_F(DeviceStoreTest, AFileOfTheSecondVersionIsTakenOverWithAllThatItHolds) {
  fill();
  const DeviceChanges before = open().load().value();
  make_second_version();
  const DeviceChanges after = open().load().value();
  DeviceCore one(generous());
  one.load(before);
  DeviceCore two(generous());
  two.load(after);
  EXPECT_EQ(dump(two), dump(one));
  execute("UPDATE member SET mac='52:54:00:00:00:02'");
  EXPECT_NE(load_error().find("checksum"), std::string::npos);
}

// The third version kept no leases.
TEST_F(DeviceStoreTest, AFileOfTheThirdVersionIsTakenOverWithAllThatItHolds) {
  fill();
  make_second_version();
  const std::string checksums =
      store::make_checksums() + store::add_checksums({"server", "name, epoch, seq, heard"}) +
      store::add_checksums({"policy", "vnid, document"}) +
      store::add_checksums({"claim", "server, vnid"}) +
      store::add_checksums(
          {"member", "server, vnid, vm, mac, addresses, port, associated, reserve"});
  { store::Database(path, std::array<std::string_view, 3>{"", "", checksums}); }
  EXPECT_EQ(open().load().value().members.size(), 1U);
  EXPECT_TRUE(open().leases().value().empty());
  const std::set<Lease> leases{{mac(1), IpAddress::parse("10.0.0.1").value()}};
  ASSERT_TRUE(open().persist_leases(leases));
  EXPECT_EQ(open().leases().value(), leases);
}

TEST_F(DeviceStoreTest, Law8_LeasesAreThereAfterReopeningUntilTheirVmChanges) {
  fill();
  const auto address = [](const char* text) { return IpAddress::parse(text).value(); };
  const std::set<Lease> leases{
      {mac(1), address("10.0.0.1")}, {mac(1), address("10.0.0.2")}, {mac(2), address("10.0.0.3")}};
  ASSERT_TRUE(open().persist_leases({{mac(3), address("10.0.0.9")}}));
  ASSERT_TRUE(open().persist_leases(leases));
  EXPECT_EQ(open().leases().value(), leases);
  DeviceChanges removal;
  removal.members[{PeerId("a@x"), {Vnid(4096), "v1"}}] = nullptr;
  {
    DeviceStore store = open();
    ASSERT_TRUE(store.write(removal));
    store.rollback();
  }
  EXPECT_EQ(open().leases().value(), leases) << "law 2";
  {
    DeviceStore store = open();
    ASSERT_TRUE(store.write(removal));
    ASSERT_TRUE(store.commit());
  }
  EXPECT_EQ(open().leases().value(), (std::set<Lease>{{mac(2), address("10.0.0.3")}}))
      << "the MAC's next owner inherits them";
}

TEST_F(DeviceStoreTest, Law8_ADamagedLeaseIsTold) {
  fill();
  ASSERT_TRUE(open().persist_leases({{mac(1), IpAddress::parse("10.0.0.1").value()}}));
  execute("UPDATE lease SET address='10.0.0.2'");
  const auto leases = open().leases();
  ASSERT_FALSE(leases.has_value());
  EXPECT_NE(leases.error().text.find("checksum"), std::string::npos);
}

TEST_F(DeviceStoreTest, ASecondOpenerIsRefusedAndToldWho) {
  const DeviceStore first = open();
  const auto second = DeviceStore::open(path);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Code::io);
  EXPECT_NE(second.error().text.find(std::to_string(::getpid())), std::string::npos);
  EXPECT_NE(second.error().text.find(path), std::string::npos);
}

TEST_F(DeviceStoreTest, AFileOfANewerProgramIsRefused) {
  fill();
  execute("PRAGMA user_version=99");
  const auto store = DeviceStore::open(path);
  ASSERT_FALSE(store.has_value());
  EXPECT_NE(store.error().text.find("99"), std::string::npos);
}

TEST_F(DeviceStoreTest, WhatIsNoDatabaseIsRefused) {
  std::filesystem::create_directory(path);
  const auto store = DeviceStore::open(path);
  ASSERT_FALSE(store.has_value());
  EXPECT_NE(store.error().text.find(path), std::string::npos);
}

TEST_F(DeviceStoreTest, Law8_DamagedRowsAreTold) {
  const std::vector<std::pair<std::string, std::string>> damages{
      {"UPDATE member SET mac='nonsense'", "v1"},
      {"UPDATE member SET addresses='10.0.0.1 x'", "v1"},
      {"UPDATE member SET port='a b'", "a b"},
      {"UPDATE policy SET document='<policy'", "policy"},
      {"UPDATE policy SET document='<policy xmlns=\"urn:tenet:policy:1\" vnid=\"4096\"/>'",
       "revision"},
      {"UPDATE policy SET vnid=-1", "-1"},
      {"UPDATE server SET heard=-1", "a@x"},
      {"UPDATE server SET heard=9223372036854775807", "a@x"},
      {"DELETE FROM policy", "4096"},
      {"DELETE FROM server", "a@x"},
      {"DELETE FROM claim", "no claim"},
      {"UPDATE member SET server='b@x'", "no claim of server b@x"},
      {"UPDATE member SET server='', vnid=0", "no claim"},
  };
  for (const auto& [sql, culprit] : damages) {
    TearDown();
    SetUp();
    fill();
    execute_and_sign(sql);
    EXPECT_NE(load_error().find(culprit), std::string::npos) << sql;
  }
}

// Values that could be, but that nobody wrote: only the checksum knows.
TEST_F(DeviceStoreTest, Law8_RowsThatChangedSinceTheyWereWrittenAreTold) {
  const std::vector<std::pair<std::string, std::string>> damages{
      {"UPDATE member SET mac='52:54:00:00:00:02'", "v1"},
      {"UPDATE member SET associated=0", "v1"},
      {"UPDATE member SET checksum=checksum+1", "v1"},
      {"UPDATE policy SET document=replace(document, 'revision=\"1\"', 'revision=\"2\"')",
       "1048576"},
      {"UPDATE server SET seq=2", "a@x"},
      {"UPDATE claim SET vnid=256", "256"},
      {"DROP TRIGGER member_removed; DELETE FROM member", "schema"},
      {"UPDATE checksums SET rows=2 WHERE name='member'", "member"},
      {"DELETE FROM checksums WHERE name='member'", "member"},
  };
  for (const auto& [sql, culprit] : damages) {
    TearDown();
    SetUp();
    fill();
    execute(sql);
    auto store = DeviceStore::open(path);
    const auto loaded = store ? store->load() : Result<DeviceChanges>(fail(store.error()));
    ASSERT_FALSE(loaded.has_value()) << sql;
    const std::string& error = loaded.error().text;
    EXPECT_NE(error.find(culprit), std::string::npos) << sql << ": " << error;
    EXPECT_NE(error.find("move the file and its -wal away"), std::string::npos)
        << sql << ": " << error;
  }
}

// A policy in the row of another VNID, and one that nobody claims (law 7).
TEST_F(DeviceStoreTest, Law8_RowsThatContradictEachOtherAreTold) {
  for (const char* sql : {"UPDATE policy SET vnid=vnid+1; UPDATE claim SET vnid=vnid+1;"
                          "UPDATE member SET vnid=vnid+1",
                          "DELETE FROM member; DELETE FROM claim"}) {
    TearDown();
    SetUp();
    fill();
    execute_and_sign(sql);
    EXPECT_FALSE(open().load().has_value()) << sql;
  }
}

}  // namespace
}  // namespace tenet::device
