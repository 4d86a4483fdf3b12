// The server's store on real files.
#include "server-agent/store/server_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "common/store/checked_table.h"
#include "common/store/database.h"
#include "common/xmpp/jid.h"
#include "tests/support/small_world.h"

namespace tenet::server {
namespace {

using namespace tenet::testing;

class ServerStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(folder);
    path = folder / "server.db";
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  ServerStore open() {
    auto store = ServerStore::open(path, xmpp::parse_peer);
    EXPECT_TRUE(store.has_value()) << store.error().text;
    return *std::move(store);
  }
  void execute(const std::string& sql) const {
    constexpr std::array<std::string_view, 3> kNone{};
    store::Database database(path, kNone);
    database.execute("PRAGMA foreign_keys=OFF");
    database.execute(sql);
  }
  // As if a program had written it so, with its checksums.
  void execute_and_sign(const std::string& sql) const {
    execute(
        sql +
        ";UPDATE network SET checksum=tenet_checksum('network', vnid, document, devices,"
        " announced, source);"
        "UPDATE vm SET checksum=tenet_checksum('vm', vnid, vm, mac, addresses, port, associated,"
        " reserve, devices, migrates_from, takeover, source)");
  }
  ServerChanges some() const {
    ServerChanges out;
    out.networks[net] = {policy(net, 7, Content::five_rules), {one, two}, {two}};
    Vm full{"v1", mac(1)};
    full.addresses = {IpAddress::parse("10.0.0.1").value()};
    full.port = "eth1";
    out.vms[{net, "v1"}] = {std::make_shared<const Vm>(full), {one}, takeover};
    out.vms[{net, "v2"}] = {vm("v2", 2, VmState::pre_associated, true), {one}};
    return out;
  }

  const Vnid net{4096, 3};
  const DeviceName one = PeerId("d1@x/device agent");
  const DeviceName two = PeerId("d2@x/device-agent");
  const PeerId source = PeerId("b@x");
  const std::shared_ptr<const Takeover> takeover =
      std::make_shared<const Takeover>(Takeover{source, {one}});
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("tenet-server-store-" + std::to_string(::getpid()));
  std::string path;
};

TEST_F(ServerStoreTest, WhatWasWrittenIsThereAfterReopening) {
  ASSERT_TRUE(open().write(some()));
  const Desired desired = open().load().value();
  const Network* network = desired.find(net);
  ASSERT_NE(network, nullptr);
  EXPECT_EQ(*network->policy, *policy(net, 7, Content::five_rules));
  EXPECT_EQ(network->devices, (std::set<DeviceName>{one, two}));
  EXPECT_EQ(network->announced, std::set<DeviceName>{two});
  EXPECT_EQ(network->vms_on.at(one), 2U);
  const PlacedVm* placed = desired.find(net, "v1");
  ASSERT_NE(placed, nullptr);
  EXPECT_EQ(*placed->vm, *some().vms.at({net, "v1"})->vm);
  EXPECT_EQ(placed->taken_from(one), source);
  EXPECT_EQ(placed->devices, std::set<DeviceName>{one});
  EXPECT_TRUE(desired.find(net, "v2")->vm->reserve);
  EXPECT_EQ(desired.find(net, "v2")->takeover, nullptr);
}

TEST_F(ServerStoreTest, RemovalsAndReplacementsAreWritten) {
  ServerStore store = open();
  ASSERT_TRUE(store.write(some()));
  ServerChanges next;
  next.vms[{net, "v1"}] = std::nullopt;
  next.networks[net] = {policy(net, 8), {one}, {}};
  ASSERT_TRUE(store.write(next));
  EXPECT_EQ(store.load()->find(net)->policy->revision(), 8U);
  EXPECT_EQ(store.load()->find(net, "v1"), nullptr);
  next = {};
  next.vms[{net, "v2"}] = std::nullopt;
  next.networks[net] = std::nullopt;
  ASSERT_TRUE(store.write(next));
  EXPECT_TRUE(store.load()->networks().empty());
}

TEST_F(ServerStoreTest, Law2_AWriteThatFailsWritesNothing) {
  ServerStore store = open();
  ServerChanges orphan = some();
  orphan.vms[{Vnid(1), "v1"}] = {vm("v1", 1), {one}};
  const auto written = store.write(orphan);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().code, Code::io);
  EXPECT_TRUE(store.load()->networks().empty());
}

TEST_F(ServerStoreTest, Law3_TheEpochRisesWithEveryStartAndAtLeastToTheMinimum) {
  EXPECT_EQ(open().next_epoch(0), 1U);
  EXPECT_EQ(open().next_epoch(0), 2U);
  EXPECT_EQ(open().next_epoch(10), 10U);
  EXPECT_EQ(open().next_epoch(5), 11U);
}

// Only what is out of the log cannot end with a damaged log.
TEST_F(ServerStoreTest, Law3_AnEpochThatStaysInTheLogIsNotBegunWith) {
  auto store = open();
  ASSERT_TRUE(store.next_epoch(0));
  const std::string other = folder / "reader.db";  // another lock, the same file
  std::filesystem::create_symlink(path, other);
  {
    constexpr std::array<std::string_view, 3> kNone{};
    const store::Database reader(other, kNone);
    reader.execute("BEGIN; SELECT value FROM epoch");
    const auto epoch = store.next_epoch(0);
    ASSERT_FALSE(epoch.has_value());
    EXPECT_EQ(epoch.error().code, Code::io);
    EXPECT_NE(epoch.error().text.find("another process"), std::string::npos) << epoch.error().text;
  }
  EXPECT_EQ(store.next_epoch(0), 3U);
}

TEST_F(ServerStoreTest, ASecondOpenerIsRefused) {
  const ServerStore first = open();
  const auto second = ServerStore::open(path, xmpp::parse_peer);
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().text.find(path), std::string::npos);
}

TEST_F(ServerStoreTest, DamagedRowsAreTold) {
  const std::vector<std::pair<std::string, std::string>> damages{
      {"UPDATE network SET document='nonsense'", "policy"},
      {"UPDATE network SET devices='@'", "@"},
      {"UPDATE network SET announced='a b'", "a b"},
      {"UPDATE vm SET mac='nonsense'", "v1"},
      {"UPDATE vm SET devices='/'", "/"},
      {"UPDATE vm SET migrates_from='@'", "@"},
      {"UPDATE network SET vnid=99999999999", "99999999999"},
  };
  for (const auto& [sql, culprit] : damages) {
    TearDown();
    SetUp();
    ASSERT_TRUE(open().write(some()));
    execute_and_sign(sql);
    const auto loaded = open().load();
    ASSERT_FALSE(loaded.has_value()) << sql;
    EXPECT_NE(loaded.error().text.find(culprit), std::string::npos) << loaded.error().text;
    EXPECT_NE(loaded.error().text.find(path), std::string::npos);
  }
}

TEST_F(ServerStoreTest, RowsThatChangedSinceTheyWereWrittenAreTold) {
  for (const char* sql :
       {"UPDATE network SET devices=''", "UPDATE network SET announced=''",
        "UPDATE vm SET mac='52:54:00:00:00:03' WHERE vm='v1'", "UPDATE vm SET takeover=devices",
        "UPDATE checksums SET rows=rows-1 WHERE name='vm'"}) {
    TearDown();
    SetUp();
    ASSERT_TRUE(open().write(some()));
    execute(sql);
    const auto loaded = open().load();
    ASSERT_FALSE(loaded.has_value()) << sql;
    EXPECT_NE(loaded.error().text.find("move the file and its -wal away"), std::string::npos)
        << sql;
  }
}

TEST_F(ServerStoreTest, Law3_ADamagedEpochIsTold) {
  const char* const kWithoutTrace = "DELETE FROM epoch WHERE only=1";  // the triggers keep count
  for (const char* sql : {"UPDATE epoch SET value=0", "DELETE FROM epoch", kWithoutTrace}) {
    TearDown();
    SetUp();
    ASSERT_TRUE(open().next_epoch(7));
    execute(sql);
    if (std::string_view(sql) == "DELETE FROM epoch") {
      execute("UPDATE checksums SET rows=1 WHERE name='epoch'");
    }
    const auto epoch = open().next_epoch(0);
    ASSERT_FALSE(epoch.has_value()) << sql;
    EXPECT_NE(epoch.error().text.find("--epoch"), std::string::npos) << sql;
  }
}

TEST_F(ServerStoreTest, AFileOfTheFirstVersionIsTakenOverWithAllThatItHolds) {
  ASSERT_TRUE(open().write(some()));
  ASSERT_EQ(open().next_epoch(41), 41U);
  execute(
      "DROP TABLE checksums;"
      "DROP TRIGGER epoch_added; DROP TRIGGER epoch_changed; DROP TRIGGER epoch_removed;"
      "DROP TRIGGER network_added; DROP TRIGGER network_changed; DROP TRIGGER network_removed;"
      "DROP TRIGGER vm_added; DROP TRIGGER vm_changed; DROP TRIGGER vm_removed;"
      "ALTER TABLE epoch DROP COLUMN checksum; ALTER TABLE network DROP COLUMN checksum;"
      "ALTER TABLE network DROP COLUMN source; ALTER TABLE vm DROP COLUMN source;"
      "ALTER TABLE vm DROP COLUMN checksum; PRAGMA user_version=1");
  EXPECT_EQ(open().next_epoch(0), 42U);
  EXPECT_EQ(open().load()->find(net, "v1")->taken_from(one), source);
}

// A file as the second version of the schema had it: with checksums, without sources.
class SecondVersionTest : public ServerStoreTest {
 protected:
  void make(const std::string& more = {}) const {
    const std::string checksums =
        store::make_checksums() + store::add_checksums({"epoch", "only, value"}) +
        store::add_checksums({"network", "vnid, document, devices, announced"}) +
        store::add_checksums({"vm",
                              "vnid, vm, mac, addresses, port, associated, reserve, devices,"
                              " migrates_from, takeover"});
    const std::array<std::string_view, 2> migrations{
        "CREATE TABLE epoch(only INTEGER PRIMARY KEY CHECK(only=1), value INTEGER NOT NULL) STRICT;"
        "INSERT INTO epoch VALUES(1, 0);"
        "CREATE TABLE network(vnid INTEGER PRIMARY KEY, document TEXT NOT NULL,"
        " devices TEXT NOT NULL, announced TEXT NOT NULL) STRICT;"
        "CREATE TABLE vm(vnid INTEGER NOT NULL REFERENCES network, vm TEXT NOT NULL,"
        " mac TEXT NOT NULL, addresses TEXT NOT NULL, port TEXT NOT NULL,"
        " associated INTEGER NOT NULL, reserve INTEGER NOT NULL, devices TEXT NOT NULL,"
        " migrates_from TEXT NOT NULL, takeover TEXT NOT NULL,"
        " PRIMARY KEY(vnid, vm)) STRICT, WITHOUT ROWID;",
        checksums};
    const store::Database database(path, migrations);
    database.execute(
        "INSERT INTO network SELECT *, tenet_checksum('network', vnid, document, devices, "
        "announced)"
        " FROM (SELECT 1048576 vnid, '<policy xmlns=\"urn:tenet:policy:1\" vnid=\"4096\""
        " revision=\"1\"/>' document, 'd1@x/a' devices, '' announced);"
        "INSERT INTO vm SELECT *, tenet_checksum('vm', vnid, vm, mac, addresses, port, associated,"
        " reserve, devices, migrates_from, takeover) FROM (SELECT 1048576 vnid, 'v1' vm,"
        " '52:54:00:00:00:01' mac, '' addresses, '' port, 1 associated, 0 reserve,"
        " 'd1@x/a' devices, '' migrates_from, '' takeover);" +
        more);
  }
};

TEST_F(SecondVersionTest, WhatWasWantedCameFromOperators) {
  make();
  const auto loaded = open().load();
  ASSERT_TRUE(loaded.has_value()) << loaded.error().text;
  ASSERT_NE(loaded->find(Vnid(4096)), nullptr);
  EXPECT_EQ(loaded->find(Vnid(4096))->source, Source::operators);
  ASSERT_NE(loaded->find(Vnid(4096), "v1"), nullptr);
  EXPECT_EQ(loaded->find(Vnid(4096), "v1")->source, Source::operators);
}

TEST_F(SecondVersionTest, ARowThatIsDamagedStaysSo) {
  make("UPDATE vm SET port='eth7'");
  const auto loaded = open().load();
  ASSERT_FALSE(loaded.has_value());
  EXPECT_NE(loaded.error().text.find("checksum"), std::string::npos) << loaded.error().text;
}

TEST_F(ServerStoreTest, ASourceThatNobodyIsIsDamage) {
  ASSERT_TRUE(open().write(some()));
  execute_and_sign("UPDATE vm SET source='nobody'");
  const auto loaded = open().load();
  ASSERT_FALSE(loaded.has_value());
  EXPECT_NE(loaded.error().text.find("'nobody'"), std::string::npos) << loaded.error().text;
}

// std::out_of_range leaves load(), and ends the program.
TEST_F(ServerStoreTest, AVmWithoutItsNetworkIsTold) {
  ASSERT_TRUE(open().write(some()));
  execute("DELETE FROM network");
  const auto loaded = open().load();
  ASSERT_FALSE(loaded.has_value());
  EXPECT_NE(loaded.error().text.find("v1"), std::string::npos);
}

}  // namespace
}  // namespace tenet::server
