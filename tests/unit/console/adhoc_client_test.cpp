#include "console/adhoc_client.h"

#include <gtest/gtest.h>

#include "common/protocol/xml_text.h"

namespace tenet::console {
namespace {

Result<CommandReply> reply(const std::string& xml) {
  auto element = protocol::parse_xml(xml);
  EXPECT_TRUE(element) << xml;
  return parse_command_reply(*element);
}

TEST(CommandReply, HasStatusNotesAndForm) {
  const auto r = reply(
      "<command xmlns='http://jabber.org/protocol/commands' node='list-vms' sessionid='s1' "
      "status='completed'><note type='warn'>late</note><note>plain</note>"
      "<x xmlns='jabber:x:data' type='result'><reported><field var='vm'/></reported>"
      "<item><field var='vm'><value>web-1</value></field></item></x></command>");
  ASSERT_TRUE(r);
  EXPECT_EQ(r->node, "list-vms");
  EXPECT_EQ(r->session, "s1");
  EXPECT_EQ(r->status, "completed");
  EXPECT_EQ(r->notes, (std::vector<std::pair<std::string, std::string>>{{"warn", "late"},
                                                                        {"info", "plain"}}));
  ASSERT_TRUE(r->form);
  EXPECT_EQ(r->form->items, (std::vector<std::vector<std::string>>{{"web-1"}}));
}

TEST(CommandReply, MayLackAForm) {
  const auto r = reply("<command xmlns='http://jabber.org/protocol/commands' status='canceled'/>");
  ASSERT_TRUE(r);
  EXPECT_FALSE(r->form);
}

TEST(CommandReply, IsNothingElse) {
  EXPECT_FALSE(parse_command_reply(Element{}));
  EXPECT_FALSE(reply("<command xmlns='urn:other' status='completed'/>"));
  EXPECT_FALSE(reply("<command xmlns='http://jabber.org/protocol/commands'/>"));
  EXPECT_FALSE(
      reply("<command xmlns='http://jabber.org/protocol/commands' status='completed'>"
            "<x xmlns='jabber:x:data'><field/></x></command>"));
}

}  // namespace
}  // namespace tenet::console
