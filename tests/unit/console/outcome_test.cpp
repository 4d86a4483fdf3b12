#include "console/outcome.h"

#include <gtest/gtest.h>

namespace tenet::console {
namespace {

CommandReply completed(std::vector<std::pair<std::string, std::string>> notes) {
  return {"create-vm", "s1", "completed", std::move(notes), xmpp::Form{"result"}};
}

Exit exit_of(const Result<CommandReply>& reply) {
  return outcome_of(reply).exit;
}

TEST(ExitCode, IsDoneWithoutWarnings) {
  EXPECT_EQ(exit_of(completed({})), Exit::done);
  EXPECT_EQ(exit_of(completed({{"info", "enforced on 2 devices"}})), Exit::done);
}

TEST(ExitCode, IsPendingWithAWarning) {
  EXPECT_EQ(exit_of(completed({{"info", "x"}, {"warn", "switch2 is unreachable"}})), Exit::pending);
}

TEST(ExitCode, IsDoneWithAWarningIfEveryDeviceEnforcesIt) {
  CommandReply reply = completed({{"warn", "acl rule 20 can never match"}});
  reply.form->reported = {{"device"}, {"state"}};
  EXPECT_EQ(exit_of(reply), Exit::done) << "no device is concerned";
  reply.form->items = {{"switch1", "enforced"}, {"switch2", "enforced"}};
  EXPECT_EQ(exit_of(reply), Exit::done);
  EXPECT_EQ(outcome_of(reply).notes, reply.notes);
  reply.form->items[1][1] = "pending";
  EXPECT_EQ(exit_of(reply), Exit::pending);
}

TEST(ExitCode, IsRefusedWithAnErrorWhateverElseIsSaid) {
  EXPECT_EQ(exit_of(completed({{"warn", "a"}, {"error", "b"}, {"warn", "c"}})), Exit::refused);
}

TEST(ExitCode, IsRefusedIfTheFormComesBack) {
  CommandReply again{
      "create-vm", "s1", "executing", {{"error", "the field vm is empty"}}, xmpp::Form{"form"}};
  EXPECT_EQ(exit_of(again), Exit::refused);
  again.notes.clear();
  EXPECT_EQ(exit_of(again), Exit::refused);
  EXPECT_FALSE(outcome_of(again).notes.empty());
}

TEST(ExitCode, OfErrorsTellsReachingFromRights) {
  EXPECT_EQ(exit_of(fail(Code::forbidden, "no operator")), Exit::forbidden);
  EXPECT_EQ(exit_of(fail(Code::unreachable, "offline")), Exit::unreachable);
  EXPECT_EQ(exit_of(fail(Code::timeout, "late")), Exit::unreachable);
  EXPECT_EQ(exit_of(fail(Code::busy, "later")), Exit::refused);
  EXPECT_EQ(exit_of(fail(Code::not_found, "no such command")), Exit::usage);
  EXPECT_EQ(exit_of(fail(Code::configuration, "no such field")), Exit::usage);
}

TEST(ExitCode, OfALoginIsForbiddenOrUnreachable) {
  EXPECT_EQ(login_failed({Code::forbidden, "wrong password"}).exit, Exit::forbidden);
  EXPECT_EQ(login_failed({Code::configuration, "bad certificate"}).exit, Exit::unreachable);
  EXPECT_EQ(login_failed({Code::unreachable, "refused"}).exit, Exit::unreachable);
}

TEST(ExitCode, NumbersAndNamesAreWhatHelpSays) {
  EXPECT_EQ(static_cast<int>(Exit::done), 0);
  EXPECT_EQ(static_cast<int>(Exit::refused), 1);
  EXPECT_EQ(static_cast<int>(Exit::usage), 2);
  EXPECT_EQ(static_cast<int>(Exit::pending), 3);
  EXPECT_EQ(static_cast<int>(Exit::unreachable), 4);
  EXPECT_EQ(static_cast<int>(Exit::forbidden), 5);
  EXPECT_EQ(exit_name(Exit::done), "done");
  EXPECT_EQ(exit_name(Exit::forbidden), "forbidden");
}

TEST(Outcome, HasTheTableAndTheDocument) {
  CommandReply reply = completed({{"info", "ok"}});
  reply.form->reported = {{"vnid"}, {"state"}};
  reply.form->items = {{"4096", "enforced"}};
  reply.form->fields = {{"rows", "text-multi", "Rows", {"vnid: 4096"}},
                        {"document", "text-multi", "Document", {"<policy>", "</policy>", ""}}};
  const Outcome out = outcome_of(reply);
  EXPECT_EQ(out.columns, (std::vector<std::string>{"vnid", "state"}));
  EXPECT_EQ(out.rows, (std::vector<std::vector<std::string>>{{"4096", "enforced"}}));
  EXPECT_EQ(out.document, "<policy>\n</policy>\n");
}

}  // namespace
}  // namespace tenet::console
