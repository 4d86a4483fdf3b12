#include "common/xmpp/disco.h"

#include <gtest/gtest.h>

namespace tenet::xmpp {
namespace {

const std::vector<std::string> kExample{
    "http://jabber.org/protocol/muc", "http://jabber.org/protocol/disco#items",
    "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/caps"};

void add_field(Element& form, const std::string& name, const std::vector<std::string>& values) {
  Element& field = form.add("field");
  field.set("var", name);
  for (const std::string& value : values) field.add("value").text = value;
}

TEST(Caps, MatchesTheSimpleExampleOfXep0115) {
  const Element info = disco_info("client", "pc", "Exodus 0.9.1", kExample);
  EXPECT_EQ(caps_hash(info), "QgayPKawpkPSDYmwT/WM94uAlu0=");
}

TEST(Caps, MatchesTheComplexExampleOfXep0115) {
  Element info = disco_info("client", "pc", "Psi 0.11", kExample);
  info.children[0].set("xml:lang", "en");
  info.add("identity")
      .set("category", "client")
      .set("type", "pc")
      .set("xml:lang", "el")
      .set("name", "\xCE\xA8 0.11");
  Element& form = info.add(Element{"x", "jabber:x:data"});
  add_field(form, "FORM_TYPE", {"urn:xmpp:dataforms:softwareinfo"});
  add_field(form, "ip_version", {"ipv4", "ipv6"});
  add_field(form, "os", {"Mac"});
  add_field(form, "os_version", {"10.5.1"});
  add_field(form, "software", {"Psi"});
  add_field(form, "software_version", {"0.11"});
  EXPECT_EQ(caps_hash(info), "q07IKJEyjvHSyhy//CH0CxmKi8w=");
}

TEST(Disco, ListsEachFeatureOnceAndSorted) {
  const Element info = disco_info("a", "b", "c", {"z", "x", "z"});
  ASSERT_EQ(info.children.size(), 3U);
  EXPECT_EQ(*info.children[1].attribute("var"), "x");
  EXPECT_EQ(*info.children[2].attribute("var"), "z");
}

}  // namespace
}  // namespace tenet::xmpp
