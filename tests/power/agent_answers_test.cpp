// Law 1 of the agents as a whole: no answer leaves before what it acknowledges is durable. The
// answer is what a broker hears; the disk fails, or loses its power as soon as the answer is heard.
#include <gtest/gtest.h>

#include "common/xmpp/jid.h"
#include "device-agent/datapath/record/record_driver.h"
#include "device-agent/device_agent.h"
#include "server-agent/server_agent.h"
#include "tests/power/device_story.h"
#include "tests/power/scratch_folder.h"
#include "tests/power/server_story.h"
#include "tests/unit/xmpp/fake_broker.h"

namespace tenet::testing {
namespace {

using std::chrono::milliseconds;

class AgentAnswersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(log::configure({.level = log::Level::error, .file = folder.file("log")}));
  }
  void TearDown() override { ASSERT_TRUE(log::configure({})); }

  xmpp::SessionOptions session() const {
    return {.jid = xmpp::Jid::parse("agent@example.org/tenet").value(),
            .brokers = {{"127.0.0.1", broker.port(), net::TlsMode::plaintext}},
            .connect_timeout = milliseconds(60'000),
            .keepalive = milliseconds(60'000)};
  }
  // The answer to a set.
  std::string answer(const std::string& id, const std::string& from, const std::string& payload) {
    const std::size_t mark = broker.heard.size();
    broker.say("<iq type='set' id='" + id + "' to='agent@example.org/tenet' from='" + from + "'>" +
               payload + "</iq>");
    EXPECT_TRUE(broker.run_until([&] {
      const auto at = broker.heard.find("id='" + id + "'", mark);
      return at != std::string::npos && broker.heard.find("</iq>", at) != std::string::npos;
    }));
    return broker.heard.substr(mark);
  }
  // What a disk has that keeps nothing but what it promised.
  Image promised() const {
    Random random(1);
    Disk disk;
    for (const DiskEvent& event : vfs.events()) disk.apply(event);
    return disk.crash(Luck::none, random);
  }

  MemoryVfs vfs;
  ScratchFolder folder{"tenet-answers-"};
  runtime::Daemon daemon;
  xmpp::FakeBroker broker{daemon.io()};
};

class DeviceAnswersTest : public AgentAnswersTest {
 protected:
  void open() {
    vfs.mount({});
    device::DeviceConfig config;
    config.xmpp = session();
    config.servers = {PeerId(server)};
    config.repair_interval = std::chrono::hours(1);
    config.capacity = generous().capacity;
    auto record = std::make_unique<device::RecordDriver>("", std::vector<std::string>{});
    driver = record.get();
    agent = std::make_unique<device::DeviceAgent>(
        daemon, config, "", device::DeviceStore::open(path).value(), std::move(record));
    ASSERT_TRUE(agent->start());
    ASSERT_TRUE(broker.hears("<presence"));
  }
  std::string batch(int seq) {
    const std::string revision = std::to_string(seq);
    return answer("q" + revision, server,
                  "<batch xmlns='urn:tenet:policy:1' epoch='1' seq='" + revision +
                      "'><policy-sync><policy vnid='4096' revision='" + revision +
                      "'><qos class='1'/></policy></policy-sync></batch>");
  }

  const std::string server = "server@example.org/server-agent";
  std::string path = folder.file("device.db");
  device::RecordDriver* driver = nullptr;
  std::unique_ptr<device::DeviceAgent> agent;
};

TEST_F(DeviceAnswersTest, Law1_WhatIsAcknowledgedIsDurableBeforeTheAnswerIsHeard) {
  open();
  ASSERT_NE(batch(1).find("<done"), std::string::npos);
  const Image image = promised();
  agent.reset();
  vfs.mount(image);
  EXPECT_NE(reopened_device(path).find("network 4096 r1"), std::string::npos);
}

TEST_F(DeviceAnswersTest, Law1_ACommitThatFailsIsAnsweredAsBusyAndUndone) {
  open();
  // Each write and sync of the commit; in the end none fails, and the answer is another.
  std::size_t refused = 0;
  for (int seq = 1;; ++seq) {
    const device::DatapathState before = driver->state();
    std::size_t left = refused;
    bool failed = false;
    vfs.fails = [&] {
      if (left-- != 0 || failed) return false;
      return failed = true;
    };
    const std::string heard = batch(seq);
    vfs.fails = [] { return false; };
    if (!failed) {
      EXPECT_NE(heard.find("<done"), std::string::npos) << heard;
      break;
    }
    ++refused;
    EXPECT_NE(heard.find("type='error'"), std::string::npos) << heard;
    EXPECT_NE(heard.find("<busy"), std::string::npos) << heard;
    EXPECT_EQ(heard.find("<done"), std::string::npos) << heard;
    EXPECT_TRUE(driver->state() == before) << "law 2: the datapath is as it was";
  }
  EXPECT_GT(refused, 2U);
  EXPECT_EQ(driver->state().networks.size(), 1U);
}

class ServerAnswersTest : public AgentAnswersTest {
 protected:
  void open() {
    vfs.mount({});
    server::ServerConfig config;
    config.xmpp = session();
    config.operators = {PeerId("admin@example.org")};
    config.state = path;
    auto store = server::ServerStore::open(path, xmpp::parse_peer).value();
    server::ServerOptions options;
    options.epoch = store.next_epoch(0).value();
    options.devices = {PeerId("switch@example.org/device-agent")};
    config.devices = options.devices;
    server::ServerCore core(options, store.load().value());
    agent = std::make_unique<server::ServerAgent>(daemon, config, "", std::move(store),
                                                  std::move(core));
    agent->start();
    ASSERT_TRUE(broker.hears("<presence"));
  }
  static std::string create() {
    return "<command xmlns='http://jabber.org/protocol/commands' node='create-network'>"
           "<x xmlns='jabber:x:data' type='submit'><field var='policy'><value>"
           "&lt;policy xmlns='urn:tenet:policy:1' vnid='4096' revision='1'/&gt;"
           "</value></field></x></command>";
  }

  std::string path = folder.file("server.db");
  std::unique_ptr<server::ServerAgent> agent;
};

TEST_F(ServerAnswersTest, Law1_WhatAnOperatorWasToldIsDurable) {
  open();
  ASSERT_NE(answer("c1", "admin@example.org/desk", create()).find("unreachable"),
            std::string::npos);
  const Image image = promised();
  agent.reset();
  vfs.mount(image);
  EXPECT_NE(reopened_server(path).state.find("network 4096"), std::string::npos);
}

TEST_F(ServerAnswersTest, Law1_NothingIsToldWhileTheStoreFails) {
  open();
  std::size_t failures = 0;
  bool told_early = false;
  vfs.fails = [&] {
    // The second one is that of a later turn of the loop: what was sent at the first is heard.
    if (++failures < 3) return true;
    told_early = broker.heard.find("id='c1'") != std::string::npos;
    return false;
  };
  EXPECT_NE(answer("c1", "admin@example.org/desk", create()).find("unreachable"),
            std::string::npos);
  vfs.fails = [] { return false; };
  EXPECT_GE(failures, 3U);
  EXPECT_FALSE(told_early);
}

}  // namespace
}  // namespace tenet::testing
