#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "common/protocol/codec.h"
#include "common/protocol/xml_text.h"
#include "common/xmpp/jid.h"
#include "tests/support/generators.h"

namespace tenet::protocol {
namespace {

using testing::any_batch;
using testing::any_digest;
using testing::any_identifier;
using testing::any_operation;
using testing::any_sequence;
using testing::any_vnid;

// Through the text, as on a wire.
Element sent(const Element& element) {
  auto read = parse_xml(format_xml(element, XmlLayout::one_line));
  RC_ASSERT(read.has_value());
  return *std::move(read);
}

void assert_same(const PolicyPtr& a, const PolicyPtr& b) {
  RC_ASSERT((a == nullptr) == (b == nullptr));
  if (a == nullptr) return;
  RC_ASSERT(*a == *b);
  RC_ASSERT(a->entries() == b->entries());
}

void assert_same(const Operation& a, const Operation& b) {
  RC_ASSERT(a.index() == b.index());
  if (const auto* sync = std::get_if<PolicySync>(&a)) {
    assert_same(sync->policy, std::get<PolicySync>(b).policy);
  } else if (const auto* update = std::get_if<PolicyUpdate>(&a)) {
    assert_same(update->policy, std::get<PolicyUpdate>(b).policy);
  } else if (const auto* withdraw = std::get_if<PolicyWithdraw>(&a)) {
    RC_ASSERT(withdraw->vnid == std::get<PolicyWithdraw>(b).vnid);
  } else if (const auto* associate = std::get_if<Associate>(&a)) {
    const auto& other = std::get<Associate>(b);
    RC_ASSERT(associate->vnid == other.vnid);
    RC_ASSERT(*associate->vm == *other.vm);
    RC_ASSERT(associate->from == other.from);
    assert_same(associate->policy, other.policy);
  } else {
    RC_ASSERT(std::get<Dissociate>(a).vnid == std::get<Dissociate>(b).vnid);
    RC_ASSERT(std::get<Dissociate>(a).vm == std::get<Dissociate>(b).vm);
  }
}

RC_GTEST_PROP(RequestCodec, ABatchIsTheSameAfterTheWire, ()) {
  const Batch batch = *any_batch();
  const auto read = parse_request(sent(to_element(batch)), xmpp::parse_peer);
  RC_ASSERT(read.has_value());
  const auto& other = std::get<Batch>(*read);
  RC_ASSERT(other.sequence == batch.sequence);
  RC_ASSERT(other.operations.size() == batch.operations.size());
  for (std::size_t i = 0; i < batch.operations.size(); ++i) {
    assert_same(batch.operations[i], other.operations[i]);
  }
}

RC_GTEST_PROP(RequestCodec, AHelloIsTheSameAfterTheWire, ()) {
  const Hello hello{*any_sequence()};
  const auto read = parse_request(sent(to_element(hello)), xmpp::parse_peer);
  RC_ASSERT(read.has_value());
  RC_ASSERT(std::get<Hello>(*read).sequence == hello.sequence);
}

RC_GTEST_PROP(RequestCodec, TheEndMarkIsTheSameAfterTheWire, ()) {
  const Synced synced{*any_digest()};
  const auto read = parse_request(sent(to_element(synced)), xmpp::parse_peer);
  RC_ASSERT(read.has_value());
  RC_ASSERT(std::get<Synced>(*read).root == synced.root);
}

RC_GTEST_PROP(RequestCodec, AQuestionForNodesIsTheSameAfterTheWire, ()) {
  Compare compare;
  const auto count = *rc::gen::inRange<std::size_t>(1, Compare::kMaxNodes + 1);
  for (std::size_t i = 0; i < count; ++i) {
    if (*rc::gen::arbitrary<bool>()) {
      const auto digits = *rc::gen::inRange<std::size_t>(0, 65);
      compare.nodes.push_back({*any_vnid(), vm_path(*any_identifier()).substr(0, digits)});
    } else {
      const auto digits = *rc::gen::inRange<std::size_t>(0, 9);
      compare.nodes.push_back({{}, vnid_path(*any_vnid()).substr(0, digits)});
    }
  }
  const auto read = parse_request(sent(to_element(compare)), xmpp::parse_peer);
  RC_ASSERT(read.has_value());
  const auto& nodes = std::get<Compare>(*read).nodes;
  RC_ASSERT(nodes.size() == compare.nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    RC_ASSERT(nodes[i].vnid == compare.nodes[i].vnid);
    RC_ASSERT(nodes[i].path == compare.nodes[i].path);
  }
}

RC_GTEST_PROP(RequestCodec, AQuestionBetweenServersIsTheSameAfterTheWire, ()) {
  const NetworkQuery query{*any_vnid(), *any_identifier()};
  const auto read = parse_network_query(sent(to_element(query)));
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->vnid == query.vnid);
  RC_ASSERT(read->vm == query.vm);
}

// Batches are cut by this figure: an operation that took more would burst a stanza.
RC_GTEST_PROP(RequestCodec, EncodedBytesAreWhatTheWireTakes, ()) {
  const Operation operation = *any_operation();
  Batch alone{{1, 1}, {operation}};
  Batch twice{{1, 1}, {operation, operation}};
  const auto bytes = [](const Batch& batch) {
    return format_xml(to_element(batch), XmlLayout::one_line).size();
  };
  const std::size_t real = bytes(twice) - bytes(alone);
  RC_ASSERT(wire_bytes(operation) + 16 >= real);
}

std::string refusal(const std::string& xml) {
  const auto element = parse_xml(xml);
  if (!element) return "not well-formed";
  const auto request = parse_request(*element, xmpp::parse_peer);
  return request ? "accepted" : request.error().text;
}

std::string batch(const std::string& inside) {
  return "<batch xmlns='urn:tenet:policy:1' epoch='1' seq='1'>" + inside + "</batch>";
}

TEST(RequestCodec, ARefusalNamesTheOperationByItsPlace) {
  EXPECT_EQ(refusal(batch("<policy-withdraw vnid='1'/><policy-withdraw vnid='x'/>")).substr(0, 44),
            "operation 2: policy-withdraw: vnid: 'x' is n");
}

TEST(RequestCodec, NumbersBeyondTheirRangeAreRefused) {
  const std::string hello = "<hello xmlns='urn:tenet:policy:1' epoch='";
  EXPECT_EQ(refusal(hello + "18446744073709551615' seq='0'/>"), "accepted");
  for (const char* epoch : {"18446744073709551616", "99999999999999999999999999", "-1", "+1", "01",
                            "1e3", "0x1", " 1", "", "1.0"}) {
    EXPECT_NE(refusal(hello + epoch + "' seq='0'/>"), "accepted") << epoch;
  }
}

TEST(RequestCodec, AnotherNamespaceIsRefused) {
  EXPECT_NE(refusal("<hello xmlns='urn:tenet:policy:2' epoch='1' seq='1'/>"), "accepted");
  EXPECT_NE(refusal("<hello epoch='1' seq='1'/>"), "accepted");
  EXPECT_NE(refusal(batch("<dissociate xmlns='urn:x' vnid='1' vm='a'/>")), "accepted");
}

TEST(RequestCodec, AnEmptyBatchIsRefused) {
  EXPECT_EQ(refusal(batch("")), "batch: write at least one operation inside");
}

TEST(RequestCodec, AnAssociatedVmReservesNothing) {
  const std::string vm = "vnid='1' vm='a' mac='52:54:00:00:00:01' reserve='true'/>";
  EXPECT_EQ(refusal(batch("<pre-associate " + vm)), "accepted");
  EXPECT_NE(refusal(batch("<associate " + vm)), "accepted");
}

TEST(RequestCodec, ThePolicyInAnAssociationIsOfItsVnid) {
  const auto with = [](const std::string& vnid) {
    return batch("<associate vnid='4096' vm='a' mac='52:54:00:00:00:01'><policy vnid='" + vnid +
                 "' revision='1'/></associate>");
  };
  EXPECT_EQ(refusal(with("4096")), "accepted");
  EXPECT_EQ(refusal(with("4096.0")), "accepted");
  EXPECT_NE(refusal(with("4096.1")), "accepted");
}

TEST(RequestCodec, APathIsShortLowerCaseHexadecimal) {
  const auto node = [](const std::string& attributes) {
    return "<digests xmlns='urn:tenet:policy:1'><node " + attributes + "/></digests>";
  };
  EXPECT_EQ(refusal(node("path=''")), "accepted");
  EXPECT_EQ(refusal(node("path='01234567'")), "accepted");
  EXPECT_EQ(refusal(node("vnid='1' path='" + std::string(64, 'f') + "'")), "accepted");
  for (const std::string& path :
       {std::string("012345678"), std::string("F"), std::string("../0"), std::string("0/1"),
        std::string("g"), std::string(" "), std::string("-")}) {
    EXPECT_NE(refusal(node("path='" + path + "'")), "accepted") << path;
  }
  EXPECT_NE(refusal(node("vnid='1' path='" + std::string(65, 'f') + "'")), "accepted");
}

TEST(RequestCodec, AQuestionHasOneToSixteenNodes) {
  const auto question = [](int count) {
    std::string out = "<digests xmlns='urn:tenet:policy:1'>";
    for (int i = 0; i < count; ++i) out += "<node path=''/>";
    return out + "</digests>";
  };
  EXPECT_NE(refusal(question(0)), "accepted");
  EXPECT_EQ(refusal(question(16)), "accepted");
  EXPECT_NE(refusal(question(17)), "accepted");
}

}  // namespace
}  // namespace tenet::protocol
