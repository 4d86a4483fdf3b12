#include "console/console_config.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/unit/console/scratch_file.h"

namespace tenet::console {
namespace {

using namespace std::chrono_literals;

constexpr const char* kFull = R"(
default-server = "server1"
timeout = "7s"
[xmpp]
jid = "alice@example.org"
password = "from-file"
brokers = [{ host = "a.example.org" }, { host = "b.example.org", tls = "direct" }]
[agents]
server1 = "server1@example.org/server-agent"
)";

Overrides with(const ScratchFile& file) {
  Overrides out;
  out.config = file.path();
  return out;
}

TEST(ConsoleConfig, ReadsTheFile) {
  const ScratchFile file(kFull);
  const auto config = load_console_config(with(file), {});
  ASSERT_TRUE(config) << config.error().text;
  EXPECT_EQ(config->xmpp.jid.bare().text(), "alice@example.org");
  EXPECT_EQ(config->xmpp.password, "from-file");
  ASSERT_EQ(config->xmpp.brokers.size(), 2U);
  EXPECT_EQ(config->xmpp.brokers[1].port, 5223);
  EXPECT_EQ(config->default_server, "server1");
  EXPECT_EQ(config->agents.find("server1")->text(), "server1@example.org/server-agent");
  EXPECT_EQ(config->timeout, 7s);
  EXPECT_LT(config->xmpp.connect_timeout, 7s);
}

TEST(ConsoleConfig, EveryRunHasItsOwnResource) {
  const ScratchFile file(kFull);
  const auto one = load_console_config(with(file), {});
  const auto two = load_console_config(with(file), {});
  EXPECT_TRUE(one->xmpp.jid.resource().starts_with("tenetctl-"));
  EXPECT_NE(one->xmpp.jid, two->xmpp.jid);
}

TEST(ConsoleConfig, TheCommandLineCountsMost) {
  const ScratchFile file(kFull);
  const ScratchFile password("from-password-file\nsecond line\n");
  Overrides overrides = with(file);
  overrides.jid = "bob@example.org/ignored";
  overrides.password_file = password.path();
  overrides.brokers = {"c.example.org:1"};
  overrides.timeout_seconds = 3;
  Environment environment;
  environment.password = "from-environment";
  const auto config = load_console_config(overrides, environment);
  ASSERT_TRUE(config) << config.error().text;
  EXPECT_EQ(config->xmpp.jid.bare().text(), "bob@example.org");
  EXPECT_EQ(config->xmpp.password, "from-password-file");
  ASSERT_EQ(config->xmpp.brokers.size(), 1U);
  EXPECT_EQ(config->xmpp.brokers[0].host, "c.example.org");
  EXPECT_EQ(config->timeout, 3s);

  overrides.password_file.clear();
  EXPECT_EQ(load_console_config(overrides, environment)->xmpp.password, "from-environment");
}

TEST(ConsoleConfig, NeedsNoFileIfAllIsSaidElsewhere) {
  Environment environment;
  environment.home = "/nonexistent";
  environment.password = "secret";
  EXPECT_EQ(environment.default_config(), "/nonexistent/.config/tenet/tenetctl.toml");
  const auto nobody = load_console_config({}, environment);
  ASSERT_FALSE(nobody);
  EXPECT_NE(nobody.error().text.find(environment.default_config()), std::string::npos);
  Overrides overrides;
  overrides.jid = "alice@example.org";
  EXPECT_TRUE(load_console_config(overrides, environment));
  environment.password.clear();
  EXPECT_NE(load_console_config(overrides, environment).error().text.find("TENET_PASSWORD"),
            std::string::npos);
  overrides.config = "/nonexistent/tenetctl.toml";  // asked for, so it must be there
  EXPECT_FALSE(load_console_config(overrides, environment));
}

TEST(ConsoleConfig, ProblemsNameFileLineAndKey) {
  const ScratchFile file("[xmpp]\njid = 5\nresource = 'x'\n[agents]\nserver1 = 'server1'\n");
  const auto config = load_console_config(with(file), {});
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, Code::configuration);
  for (const char* part : {":2: xmpp.jid", ":3: xmpp.resource", ":5: agents.server1"}) {
    EXPECT_NE(config.error().text.find(file.path() + part), std::string::npos)
        << config.error().text;
  }
}

TEST(ConsoleConfig, RefusesFilesThatAreNotThere) {
  const ScratchFile file(kFull);
  Overrides overrides = with(file);
  overrides.ca_file = "/nonexistent/ca.pem";
  EXPECT_NE(load_console_config(overrides, {}).error().text.find("/nonexistent/ca.pem"),
            std::string::npos);
  overrides.ca_file.clear();
  overrides.password_file = "/nonexistent/password";
  EXPECT_FALSE(load_console_config(overrides, {}));
}

TEST(ConsoleConfig, WarnsOfAPasswordThatOthersCanRead) {
  const ScratchFile file(kFull);
  EXPECT_TRUE(load_console_config(with(file), {})->warnings.empty());  // mkstemp: 0600
  std::filesystem::permissions(file.path(), std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  EXPECT_EQ(load_console_config(with(file), {})->warnings.size(), 1U);
}

}  // namespace
}  // namespace tenet::console
