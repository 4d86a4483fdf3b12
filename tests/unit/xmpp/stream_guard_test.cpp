#include "common/xmpp/stream_guard.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "common/xmpp/xml.h"

namespace tenet::xmpp {
namespace {

const std::string kHeader =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' id=\"a>b\" version='1.0'>";

struct Verdict {
  std::string error;
  bool closed = false;
  bool operator==(const Verdict&) const = default;
};

// Feeds `bytes` in pieces that end at `cuts` (ascending).
Verdict judge(StreamGuard guard, std::string_view bytes, std::vector<std::size_t> cuts) {
  std::size_t offset = 0;
  cuts.push_back(bytes.size());
  for (const std::size_t cut : cuts) {
    while (offset < cut) {
      const auto used = guard.scan(bytes.substr(offset, cut - offset));
      if (!used) return {used.error().text, guard.closed()};
      offset += *used;
    }
  }
  return {{}, guard.closed()};
}

std::string error_of(const std::string& stanza, std::size_t bytes = 1000, std::size_t depth = 5) {
  return judge(StreamGuard(bytes, depth), kHeader + stanza, {}).error;
}

TEST(StreamGuard, PassesStanzasAndFindsTheirEnds) {
  StreamGuard guard(1000, 5);
  const std::string text = kHeader + " \n<a b='>' c=\"'\"><b/>x &lt;&#65;&#x41;</a><presence/>";
  std::string_view rest = text;
  std::vector<std::string> units;
  while (!rest.empty()) {
    const auto used = guard.scan(rest);
    ASSERT_TRUE(used) << used.error().text;
    units.emplace_back(rest.substr(0, *used));
    rest.remove_prefix(*used);
  }
  EXPECT_EQ(units, (std::vector<std::string>{
                       kHeader, " \n<a b='>' c=\"'\"><b/>x &lt;&#65;&#x41;</a>", "<presence/>"}));
  EXPECT_FALSE(guard.closed());
  EXPECT_TRUE(guard.scan("</stream:stream> "));
  EXPECT_TRUE(guard.closed());
}

TEST(StreamGuard, KnowsCdata) {
  EXPECT_EQ(error_of("<a><![CDATA[<b> ]] ]> & </x> <!-- ]]]></a><c/>"), "");
  EXPECT_NE(error_of("<a><![CDATA[]]></a></b></c>"), "");
  EXPECT_NE(error_of("<![CDATA[x]]>"), "");
}

// RFC 6120 section 11.1
TEST(StreamGuard, RejectsWhatXmppForbids) {
  for (const char* bad : {"<!-- c -->",
                          "<a><!-- c --></a>",
                          "<!DOCTYPE x>",
                          "<a><!DOCTYPE x></a>",
                          "<?pi x?>",
                          "<?xml version='1.0'?>",
                          "<a><?xml version='1.0'?></a>",
                          "<a>&bomb;</a>",
                          "<a b='&bomb;'/>",
                          "<a>&#xZ;</a>",
                          "<a>&;</a>",
                          "<a>&#;</a>",
                          "<a>&aaaaaaaaaaaaaaaaaaaa;</a>",
                          "text",
                          "<a b='<'/>",
                          "<a <b/>",
                          "< a/>",
                          "<a>\x01</a>",
                          "<a></a b='x'>",
                          "</stream:stream><a/>",
                          "</stream:stream>x"}) {
    EXPECT_NE(error_of(bad), "") << bad;
  }
  EXPECT_NE(judge(StreamGuard(1000, 5), "<!DOCTYPE x [<!ENTITY a 'b'>]><s>", {}).error, "");
  EXPECT_NE(judge(StreamGuard(1000, 5), " <?xml version='1.0'?><s>", {}).error, "");
  EXPECT_NE(judge(StreamGuard(1000, 5), "<?xml-stylesheet x?><s>", {}).error, "");
  EXPECT_NE(judge(StreamGuard(1000, 5), "<?xml version='1.0'?><?xml version='1.0'?><s>", {}).error,
            "");
  EXPECT_NE(judge(StreamGuard(1000, 5), "</s>", {}).error, "");
}

// gloox's parser takes a quote in a name for a part of the name, and would see another end.
TEST(StreamGuard, KnowsWhereQuotesMayBegin) {
  for (const char* bad :
       {"<a' b='1'/>", "<a='>'/>", "<a'>'/>", "<a b'>'/>", "<a b='1'c='>'/>", "<a b=c='>'/>",
        "<a b='1'\"2\"/>", "<a ='1'/>", "<a b/>", "<a b ='1' / >", "<a/b='>'/>", "<a &='1'/>"}) {
    EXPECT_NE(error_of(bad), "") << bad;
  }
  EXPECT_EQ(error_of("<a b = '>' c=\"'/>\"\n/><a:b\t/><c ></c >"), "");
}

// gloox's parser ends a declaration at "/>", and would recurse into what follows it here.
TEST(StreamGuard, ADeclarationHoldsNoElements) {
  for (const char* bad :
       {"<?xml /><c/>?><s>", "<?xml ><a><a><a><a><a><a><a>?><s>", "<?xml /?a><s>"}) {
    EXPECT_NE(judge(StreamGuard(1000, 5), bad, {}).error, "") << bad;
  }
}

TEST(StreamGuard, BoundsTheSizeOfAStanzaAndOfTheHeader) {
  const auto stanza = [](std::size_t bytes) {
    return "<a>" + std::string(bytes - 7, 'x') + "</a>";
  };
  EXPECT_EQ(error_of(stanza(100), 100), "");
  EXPECT_NE(error_of(stanza(101), 100), "");
  EXPECT_EQ(error_of(stanza(100) + std::string(500, ' ') + stanza(100), 100), "");
  EXPECT_NE(error_of("<a b='" + std::string(100, 'x'), 100), "");
  EXPECT_NE(judge(StreamGuard(20, 5), kHeader, {}).error, "");
}

TEST(StreamGuard, BoundsTheDepth) {
  EXPECT_EQ(error_of("<a><a><a/></a></a>", 1000, 3), "");
  EXPECT_NE(error_of("<a><a><a><a/></a></a></a>", 1000, 3), "");
  EXPECT_EQ(error_of("<a><a><a/><a/></a></a><a><a><a/></a></a>", 1000, 3), "");
}

TEST(StreamGuard, TakesANewHeaderAfterARestart) {
  StreamGuard guard(1000, 5);
  ASSERT_TRUE(guard.scan(kHeader));
  ASSERT_TRUE(guard.scan("<success/>"));
  guard.restart();
  ASSERT_TRUE(guard.scan(kHeader));
  ASSERT_TRUE(guard.scan("<iq/>"));
  EXPECT_FALSE(guard.scan(kHeader)) << "an unexpected header";
  guard.restart();
  EXPECT_FALSE(guard.scan("<iq/>")) << "an error does not go away";
}

rc::Gen<Element> gen_element(int depth) {
  return rc::gen::exec([depth] {
    Element e{*rc::gen::element<std::string>("a", "bb"), "urn:x"};
    if (*rc::gen::arbitrary<bool>()) e.set("k", *rc::gen::arbitrary<std::string>());
    if (*rc::gen::arbitrary<bool>()) e.text = *rc::gen::arbitrary<std::string>();
    const int children = depth == 0 ? 0 : *rc::gen::inRange(0, 3);
    for (int i = 0; i < children; ++i) e.add(*gen_element(depth - 1));
    return e;
  });
}

// Snippets that are right or wrong depending on what surrounds them.
rc::Gen<std::string> gen_noise() {
  return rc::gen::element<std::string>("<", ">", "/", "'", "\"", "&", ";", "<![CDATA[", "]]>",
                                       "<!--", "<?xml ?>", "</stream:stream>", "&lt;", " ", "x");
}

RC_GTEST_PROP(StreamGuard, AnyChunkingGivesTheSameVerdict, ()) {
  std::string bytes = kHeader;
  const int units = *rc::gen::inRange(0, 4);
  for (int i = 0; i < units; ++i) {
    bytes += to_xml(*gen_element(3));
    if (*rc::gen::inRange(0, 4) == 0) bytes += *gen_noise();
  }
  // Damage in the middle, sometimes.
  if (*rc::gen::arbitrary<bool>()) {
    bytes.insert(*rc::gen::inRange<std::size_t>(0, bytes.size()), *gen_noise());
  }
  auto sorted =
      *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, bytes.size()));
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::size_t> each(bytes.size());
  for (std::size_t i = 0; i < each.size(); ++i) each[i] = i;

  const StreamGuard guard(400, 3);
  const Verdict whole = judge(guard, bytes, {});
  RC_ASSERT(judge(guard, bytes, sorted) == whole);
  RC_ASSERT(judge(guard, bytes, each) == whole);
}

RC_GTEST_PROP(StreamGuard, PassesWhatWeWrite, ()) {
  StreamGuard guard(1'000'000, 5);
  RC_ASSERT(guard.scan(kHeader).has_value());
  const std::string bytes = to_xml(*gen_element(3));
  const auto used = guard.scan(bytes);
  RC_ASSERT(used.has_value());
  RC_ASSERT(*used == bytes.size());
}

}  // namespace
}  // namespace tenet::xmpp
