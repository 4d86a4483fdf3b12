#include "console/jobs.h"

#include <gtest/gtest.h>

#include <sstream>

namespace tenet::console {
namespace {

Result<Job> job(const Task& task, const std::string& default_server = "") {
  ConsoleConfig config;
  config.default_server = default_server;
  std::istringstream input;
  return make_job(task, config, input, std::cerr);
}

TEST(Job, NeedsAServerFromSomewhere) {
  Task task;
  task.agent_kind = AgentKind::server;
  const auto lost = job(task);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::configuration);
  EXPECT_NE(lost.error().text.find("--server"), std::string::npos);
  EXPECT_TRUE(job(task, "server1@example.org"));
  EXPECT_FALSE(job(task, "server1"));
}

TEST(Job, FindsMistakesBeforeConnecting) {
  Task task;
  task.agent = "server1@example.org";
  task.fields = {{"policy", "/nonexistent/web.xml", Source::file}};
  EXPECT_EQ(job(task).error().code, Code::configuration);
  task.fields.clear();
  EXPECT_TRUE(job(task));
}

TEST(FormTable, ShowsTypeDefaultAndLabel) {
  const Outcome out = describe_form(
      {"form",
       "Create a VM",
       "Associates a VM.",
       {{"hint", "fixed", "", {"x"}},
        {"vnid", "text-single", "VNID", {}, {}, true},
        {"state", "list-single", "State", {"associated"}, {"associated", "pre-associated"}}}});
  EXPECT_EQ(out.rows,
            (std::vector<std::vector<std::string>>{{"vnid", "text-single", "yes", "", "", "VNID"},
                                                   {"state", "list-single", "no", "associated",
                                                    "associated pre-associated", "State"}}));
  EXPECT_EQ(out.notes.at(0).second, "Associates a VM.");
}

}  // namespace
}  // namespace tenet::console
