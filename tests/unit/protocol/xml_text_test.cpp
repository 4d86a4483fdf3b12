#include "common/protocol/xml_text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/generators.h"

namespace tenet::protocol {
namespace {

std::string refusal(const std::string& xml) {
  const auto read = parse_xml(xml);
  return read ? "accepted" : read.error().text;
}

bool begins(const std::string& text, const std::string& with) {
  return text.substr(0, with.size()) == with;
}

// An element in one of two namespaces, with text or children but not both.
Element any_element(int depth) {
  Element out{*rc::gen::element<std::string>("a", "b-c", "d.e"),
              *rc::gen::element<std::string>("urn:x", "urn:y")};
  for (const char* name : {"k", "l"}) {
    if (*rc::gen::arbitrary<bool>()) out.set(name, *testing::any_text());
  }
  const int children = depth == 0 ? 0 : *rc::gen::inRange(0, 3);
  if (children == 0 && *rc::gen::arbitrary<bool>()) out.text = *testing::any_text();
  for (int i = 0; i < children; ++i) out.add(any_element(depth - 1));
  return out;
}

RC_GTEST_PROP(XmlText, AnElementIsTheSameAfterItsText, ()) {
  const Element element = any_element(3);
  for (const XmlLayout layout : {XmlLayout::one_line, XmlLayout::indented}) {
    const auto read = parse_xml(format_xml(element, layout));
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == element);
  }
}

RC_GTEST_PROP(XmlText, NoBytesAreTooStrange, (const std::string& bytes)) {
  static_cast<void>(parse_xml(bytes));
  static_cast<void>(parse_xml("<a b='" + bytes + "'>" + bytes));
}

// The schema's judges refuse them, and a peer would read something else than was stored.
TEST(XmlText, CharactersThatXmlForbidsAreRefused) {
  for (const char* bad : {"<a b='\xFF'/>", "<a>\xC0\x80</a>", "<a>\xED\xA0\x80</a>",
                          "<a b='&#1;'/>", "<a>&#xFFFF;</a>", "<a xmlns='urn:\xFF'/>", "<a\xFF/>",
                          "<a \xFF='1'/>", "<a><![CDATA[\x01]]></a>"}) {
    EXPECT_NE(refusal(bad).find("forbids"), std::string::npos) << bad << ": " << refusal(bad);
  }
  EXPECT_EQ(refusal("<a b='\xC3\xA9&#x10FFFF;'>\t\n\xF0\x9F\x98\x80</a>"), "accepted");
}

// What is behind the prefix becomes the name, and has to be one.
TEST(XmlText, MalformedQualifiedNamesAreRefused) {
  for (const char* bad : {"<:a/>", "<p:/>", "<p:0 xmlns:p='u'/>", "<p:a:b xmlns:p='u'/>"}) {
    EXPECT_NE(refusal(bad).find("malformed"), std::string::npos) << bad << ": " << refusal(bad);
  }
  EXPECT_EQ(refusal("<p:a0 xmlns:p='u'/>"), "accepted");
}

TEST(XmlText, ADocumentHasAtMost32Levels) {
  const auto nested = [](int levels) {
    std::string out;
    for (int i = 0; i < levels; ++i) out += "<a>";
    for (int i = 0; i < levels; ++i) out += "</a>";
    return out;
  };
  EXPECT_EQ(refusal(nested(32)), "accepted");
  EXPECT_EQ(refusal(nested(33)), "line 1, column 98: elements are nested deeper than 32");
  EXPECT_TRUE(begins(refusal(nested(50'000)), "line 1, column 98: "));
}

TEST(XmlText, ADocumentHasAtMostAMebibyte) {
  const std::string frame = "<a></a>";
  const auto sized = [&](std::size_t bytes) {
    return "<a>" + std::string(bytes - frame.size(), ' ') + "</a>";
  };
  EXPECT_EQ(refusal(sized(kMaxDocumentBytes)), "accepted");
  EXPECT_EQ(refusal(sized(kMaxDocumentBytes + 1)), "the document is larger than 1048576 bytes");
}

TEST(XmlText, ADocumentTypeIsRefused) {
  EXPECT_EQ(refusal("<!DOCTYPE a><a/>"), "line 1, column 1: a document type is not allowed");
  EXPECT_NE(refusal("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>"), "accepted");
}

TEST(XmlText, NamespacesAreResolved) {
  const auto read =
      parse_xml("<p:a xmlns:p='urn:x' xmlns='urn:y' k='1'><b/><p:c xmlns:p='urn:z'/></p:a>");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->name, "a");
  EXPECT_EQ(read->xmlns, "urn:x");
  EXPECT_EQ(read->attributes, (std::vector<Attribute>{{"k", "1"}}));
  EXPECT_EQ(read->children[0].xmlns, "urn:y");
  EXPECT_EQ(read->children[1].xmlns, "urn:z");
  EXPECT_EQ(refusal("<p:a/>"), "line 1, column 2: the prefix p is bound to no namespace");
  EXPECT_NE(refusal("<a xmlns:p='urn:x' p:k='1'/>"), "accepted");
}

TEST(XmlText, AnAttributeComesOnce) {
  EXPECT_EQ(refusal("<a k='1' k='2'/>"), "line 1, column 2: the attribute k is there twice");
}

TEST(XmlText, AMistakeIsFoundByLineAndColumn) {
  const auto where = [](const std::string& xml) {
    const auto read = parse_xml(xml);
    return read ? "accepted" : read.error().witness.entry;
  };
  EXPECT_TRUE(begins(where("<a>\n  <b>\n</a>"), "line 3, column "));
  EXPECT_EQ(where("<a>\n  <b k='1' k='2'/>\n</a>"), "line 2, column 4");
  EXPECT_EQ(where("<a/>\n<b/>"), "line 2, column 2");
  EXPECT_EQ(where(std::string("<a>\n\0</a>", 9)), "line 2, column 1");
  EXPECT_EQ(where(""), "line 1, column 1");
  EXPECT_TRUE(begins(where("<a"), "line 1, column "));
}

TEST(XmlText, CommentsAndInstructionsAreSkipped) {
  const auto read = parse_xml("<?xml version='1.0'?><!-- x --><a><!-- y -->t<?z?></a><!-- w -->");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, (Element{"a", "", {}, {}, "t"}));
}

}  // namespace
}  // namespace tenet::protocol
