#include "console/command_line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "common/core/text.h"
#include "console/verbs.h"

namespace tenet::console {
namespace {

struct Said {
  ParsedCommandLine parsed;
  std::string out;
  std::string err;
};

Said run(const std::string& text) {
  std::vector<std::string> arguments;
  for (const std::string_view word : split_words(text)) arguments.emplace_back(word);
  std::ostringstream out;
  std::ostringstream err;
  auto parsed = parse_command_line(arguments, "1.2.3", out, err);
  return {std::move(parsed), out.str(), err.str()};
}

Task task(const std::string& text) {
  const Said r = run(text);
  EXPECT_TRUE(r.parsed.line) << text << ": " << r.err;
  return r.parsed.line ? r.parsed.line->task : Task{};
}

using Fields = std::vector<FieldInput>;

TEST(Verbs, NetworkCreateSendsTheFileAndTheDevices) {
  const Task t = task("network create web.xml --server s1 --devices a,b --devices c");
  EXPECT_EQ(t.node, "create-network");
  EXPECT_EQ(t.agent, "s1");
  EXPECT_EQ(t.agent_kind, AgentKind::server);
  EXPECT_EQ(t.fields, (Fields{{"policy", "web.xml", Source::file},
                              {"devices", "a", Source::device},
                              {"devices", "b", Source::device},
                              {"devices", "c", Source::device}}));
}

TEST(Verbs, WaitHasATimeOfItsOwn) {
  const Task t = task("wait 4096.2 --reachable --timeout 5 --server s1");
  EXPECT_EQ(t.kind, Task::Kind::wait);
  EXPECT_EQ(t.agent, "s1");
  EXPECT_EQ(t.wait.vnid, "4096.2");
  EXPECT_TRUE(t.wait.reachable);
  EXPECT_EQ(t.wait.timeout, std::chrono::seconds(5));
  EXPECT_EQ(task("wait 4096").wait.timeout, std::chrono::seconds(60));
  EXPECT_FALSE(run("wait 4096 --all --reachable").parsed.line);
}

TEST(Verbs, FlagsSetTheirConstant) {
  const Task t = task(
      "vm create 4096 web-1 --mac 52:54:00:12:34:56 --ip 10.1.2.3,fd00::1 --port eth1 "
      "--pre-associate --reserve");
  EXPECT_EQ(t.node, "create-vm");
  EXPECT_EQ(t.agent, "");
  EXPECT_EQ(t.fields, (Fields{{"vnid", "4096"},
                              {"vm", "web-1"},
                              {"mac", "52:54:00:12:34:56"},
                              {"ip", "10.1.2.3 fd00::1"},
                              {"port", "eth1"},
                              {"state", "pre-associated"},
                              {"reserve", "true"}}));
}

TEST(Verbs, WhatIsNotGivenIsNotSent) {
  EXPECT_EQ(task("vm list").fields, Fields{});
  EXPECT_EQ(task("vm list 4096.2").fields, (Fields{{"vnid", "4096.2"}}));
  EXPECT_EQ(task("resync").fields, Fields{});
}

TEST(Verbs, GoToTheNodesOfTheirAgents) {
  const std::vector<std::tuple<std::string, std::string, AgentKind, std::string>> rows{
      {"network change p.xml", "change-policy", AgentKind::server, ""},
      {"network delete 4096", "delete-network", AgentKind::server, ""},
      {"network list", "list-networks", AgentKind::server, ""},
      {"vm activate 4096 web-1", "activate-vm", AgentKind::server, ""},
      {"vm remove 4096 web-1 --server s2", "remove-vm", AgentKind::server, "s2"},
      {"vm list", "list-vms", AgentKind::server, ""},
      {"resync", "resync", AgentKind::server, ""},
      {"device list", "list-devices", AgentKind::server, ""},
      {"device policies sw", "list-policies", AgentKind::device, "sw"},
      {"device vms sw", "list-vms", AgentKind::device, "sw"},
      {"device policy sw 4096", "show-policy", AgentKind::device, "sw"},
      {"device capacity sw", "show-capacity", AgentKind::device, "sw"},
      {"device explain sw 4096 web-1 --direction to-vm", "explain", AgentKind::device, "sw"},
  };
  for (const auto& [text, node, kind, agent] : rows) {
    const Task t = task(text);
    EXPECT_EQ(t.kind, Task::Kind::run) << text;
    EXPECT_EQ(t.node, node) << text;
    EXPECT_EQ(t.agent_kind, kind) << text;
    EXPECT_EQ(t.agent, agent) << text;
  }
}

TEST(Verbs, MigrateNamesBothServers) {
  const Task t = task("vm migrate 4096 web-1 --from s1 --to s2 --parallel --mac m");
  EXPECT_EQ(t.kind, Task::Kind::migrate);
  EXPECT_EQ(t.source, "s1");
  EXPECT_EQ(t.agent, "s2");
  EXPECT_TRUE(t.parallel);
  EXPECT_EQ(t.fields, (Fields{{"vnid", "4096"}, {"vm", "web-1"}, {"mac", "m"}}));
  EXPECT_FALSE(task("vm migrate 4096 web-1 --from s1 --to s2").parallel);
}

TEST(Verbs, EveryExampleOfTheHelpIsAValidCommandLine) {
  for (const Verb& verb : verbs()) {
    std::string example = verb.example.substr(0, verb.example.find(" > "));
    ASSERT_TRUE(example.starts_with("tenetctl ")) << example;
    EXPECT_EQ(task(example.substr(9)).node, verb.node) << example;
  }
}

TEST(Verbs, EveryVerbHasAGroupThatIsShown) {
  std::set<std::string> groups{""};
  for (const VerbGroup& group : verb_groups()) groups.insert(group.name);
  for (const Verb& verb : verbs()) {
    EXPECT_TRUE(groups.contains(verb.group)) << verb.group;
    EXPECT_TRUE(verb.summary.ends_with('.')) << verb.summary;
  }
}

TEST(Exec, TakesAnyAgentCommandAndFields) {
  const Task t = task("exec a@x/y create-vm vnid=4096 policy=@p.xml --resource r");
  EXPECT_EQ(t.kind, Task::Kind::run);
  EXPECT_EQ(t.agent, "a@x/y");
  EXPECT_EQ(t.node, "create-vm");
  EXPECT_EQ(t.resource, "r");
  EXPECT_EQ(t.agent_kind, std::nullopt);
  EXPECT_EQ(t.fields, (Fields{{"vnid", "4096"}, {"policy", "p.xml", Source::file}}));
  EXPECT_EQ(task("exec a c --help-fields").kind, Task::Kind::describe);
  EXPECT_EQ(task("describe a c").kind, Task::Kind::describe);
  EXPECT_EQ(task("commands a").kind, Task::Kind::list);
}

TEST(CommandLine, GlobalOptionsMayStandAnywhere) {
  for (const char* text : {"--json --broker h:1,h:2 --timeout 5 vm list",
                           "vm list --json --broker h:1 --broker h:2 --timeout 5"}) {
    const Said r = run(text);
    ASSERT_TRUE(r.parsed.line) << r.err;
    EXPECT_TRUE(r.parsed.line->json);
    EXPECT_EQ(r.parsed.line->overrides.brokers, (std::vector<std::string>{"h:1", "h:2"}));
    EXPECT_EQ(r.parsed.line->overrides.timeout_seconds, 5U);
  }
}

TEST(CommandLine, MistakesExitWithTwoAndNameTheHelp) {
  for (const char* text :
       {"", "vm", "vm create 4096", "vm lst", "network list 1 2", "nonsense", "vm list --timeout 0",
        "vm create 1 a --mac", "exec a c field", "vm migrate 4096 web-1 --to s2"}) {
    const Said r = run(text);
    EXPECT_FALSE(r.parsed.line) << text;
    EXPECT_EQ(r.parsed.exit, 2) << text;
    EXPECT_EQ(r.out, "") << text;
    EXPECT_NE(r.err, "") << text;
  }
  EXPECT_NE(run("vm create 4096").err.find("tenetctl vm create --help"), std::string::npos);
}

TEST(CommandLine, HelpTeachesEveryVerbAndExitCode) {
  const Said r = run("--help");
  EXPECT_FALSE(r.parsed.line);
  EXPECT_EQ(r.parsed.exit, 0);
  for (const Verb& verb : verbs()) {
    EXPECT_NE(r.out.find("$ " + verb.example), std::string::npos) << verb.example;
  }
  EXPECT_NE(r.out.find("Exit codes:"), std::string::npos);
  EXPECT_NE(run("vm create --help").out.find("Example:\n  tenetctl vm create"), std::string::npos);
  EXPECT_EQ(run("--version").out, "tenetctl 1.2.3\n");
}

TEST(CommandLine, HasNoOptionForAPassword) {
  EXPECT_EQ(run("--password secret vm list").parsed.exit, 2);
}

}  // namespace
}  // namespace tenet::console
