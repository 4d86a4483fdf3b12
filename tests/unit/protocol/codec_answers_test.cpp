#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "common/protocol/codec.h"
#include "common/protocol/xml_text.h"
#include "common/xmpp/jid.h"
#include "tests/support/generators.h"

namespace tenet::protocol {
namespace {

using testing::any_digest;
using testing::any_policy_of;
using testing::any_results;
using testing::any_sequence;
using testing::any_view;
using testing::any_vm_named;
using testing::any_vnid;

Element sent(const Element& element) {
  auto read = parse_xml(format_xml(element, XmlLayout::one_line));
  RC_ASSERT(read.has_value());
  return *std::move(read);
}

Batch batch_of(std::size_t operations, Sequence sequence = {1, 1}) {
  Batch out{sequence, {}};
  out.operations.resize(operations, PolicyWithdraw{Vnid(1)});
  return out;
}

RC_GTEST_PROP(AnswerCodec, TheAnswerToABatchIsTheSameAfterTheWire, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 40);
  const BatchAnswer answer{*any_sequence(), *any_results(count)};
  const auto read =
      parse_answer(sent(to_element(answer)), batch_of(count, answer.sequence), xmpp::parse_peer);
  RC_ASSERT(read.has_value());
  RC_ASSERT(std::get<BatchAnswer>(*read).sequence == answer.sequence);
  RC_ASSERT(std::get<BatchAnswer>(*read).results == answer.results);
}

RC_GTEST_PROP(AnswerCodec, RootsAreTheSameAfterTheWire, ()) {
  const Sha256 root = *any_digest();
  const auto hello = parse_answer(sent(to_element(HelloAnswer{root})), Hello{}, xmpp::parse_peer);
  const auto synced =
      parse_answer(sent(to_element(SyncedAnswer{root})), Synced{}, xmpp::parse_peer);
  RC_ASSERT(hello.has_value());
  RC_ASSERT(synced.has_value());
  RC_ASSERT(std::get<HelloAnswer>(*hello).root == root);
  RC_ASSERT(std::get<SyncedAnswer>(*synced).root == root);
}

bool same(const std::vector<ChildDigest>& a, const std::vector<ChildDigest>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const ChildDigest& x, const ChildDigest& y) {
                      return x.path == y.path && x.digest == y.digest;
                    });
}

bool same(const std::vector<NetworkDigest>& a, const std::vector<NetworkDigest>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const NetworkDigest& x, const NetworkDigest& y) {
                      return x.vnid == y.vnid && x.digest == y.digest;
                    });
}

bool same(const std::vector<VmPtr>& a, const std::vector<VmPtr>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const VmPtr& x, const VmPtr& y) { return *x == *y; });
}

// A node without children is written like one that lists nothing.
template <class Below>
bool same_below(const Below& a, const Below& b) {
  const auto empty = [](const Below& below) {
    return std::visit([](const auto& list) { return list.empty(); }, below);
  };
  if (empty(a) || empty(b)) return empty(a) && empty(b);
  if (a.index() != b.index()) return false;
  if (a.index() == 0) return same(std::get<0>(a), std::get<0>(b));
  return same(std::get<1>(a), std::get<1>(b));
}

RC_GTEST_PROP(AnswerCodec, NodesAreTheSameAfterTheWire, ()) {
  const DeviceView view = *any_view();
  const NetworkTree networks(view);
  const auto digits = *rc::gen::inRange<std::size_t>(0, 3);
  const std::string path = vnid_path(*any_vnid()).substr(0, digits);
  Compare request{{{{}, path}}};
  CompareAnswer answer{{networks.node(path)}};
  for (const auto& [vnid, network] : view) {
    if (request.nodes.size() == Compare::kMaxNodes) break;
    request.nodes.push_back({vnid, ""});
    answer.nodes.emplace_back(VmTree(network).node(vnid, network.stamp, ""));
  }
  if (request.nodes.size() < Compare::kMaxNodes) {
    const Vnid absent(Vnid::kMaxId, 255);
    request.nodes.push_back({absent, "a"});
    answer.nodes.emplace_back(VmNode{absent, "a", false, {}, std::vector<VmPtr>{}});
  }

  const auto read = parse_answer(sent(to_element(answer)), request, xmpp::parse_peer);
  RC_ASSERT(read.has_value());
  const auto& nodes = std::get<CompareAnswer>(*read).nodes;
  RC_ASSERT(nodes.size() == answer.nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    RC_ASSERT(nodes[i].index() == answer.nodes[i].index());
    if (const auto* network = std::get_if<NetworkNode>(&nodes[i])) {
      const auto& expected = std::get<NetworkNode>(answer.nodes[i]);
      RC_ASSERT(network->path == expected.path);
      RC_ASSERT(same_below(network->below, expected.below));
      continue;
    }
    const auto& vms = std::get<VmNode>(nodes[i]);
    const auto& expected = std::get<VmNode>(answer.nodes[i]);
    RC_ASSERT(vms.vnid == expected.vnid);
    RC_ASSERT(vms.path == expected.path);
    RC_ASSERT(vms.present == expected.present);
    RC_ASSERT(!vms.present || vms.stamp == expected.stamp);
    RC_ASSERT(same_below(vms.below, expected.below));
  }
}

RC_GTEST_PROP(AnswerCodec, TheAnswerBetweenServersIsTheSameAfterTheWire, ()) {
  const Vnid vnid = *any_vnid();
  NetworkAnswer answer{*any_policy_of(vnid), nullptr};
  if (*rc::gen::arbitrary<bool>()) answer.vm = *any_vm_named("web-1");
  const auto read = parse_network_answer(sent(to_element(answer)));
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read->policy == *answer.policy);
  RC_ASSERT((read->vm == nullptr) == (answer.vm == nullptr));
  if (answer.vm != nullptr) RC_ASSERT(*read->vm == *answer.vm);
}

// ---- answers that lie --------------------------------------------------------------------------

std::string refusal(const std::string& xml, const Request& request) {
  const auto element = parse_xml(xml);
  if (!element) return "not well-formed";
  const auto answer = parse_answer(*element, request, xmpp::parse_peer);
  return answer ? "accepted" : answer.error().text;
}

std::string answer(const std::string& inside) {
  return "<batch xmlns='urn:tenet:policy:1' epoch='1' seq='1'>" + inside + "</batch>";
}

std::string done(const std::string& ranges) {
  return answer("<done operations='" + ranges + "'/>");
}

std::string refused(const std::string& operation) {
  return "<refused operations='" + operation +
         "'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
         "<vm-conflict/></error></refused>";
}

TEST(AnswerCodec, EachOperationIsAnsweredOnce) {
  EXPECT_EQ(refusal(done("1-3"), batch_of(3)), "accepted");
  EXPECT_EQ(refusal(done("1 2-3"), batch_of(3)), "accepted");
  EXPECT_EQ(refusal(answer("<done operations='1 3'/>" + refused("2")), batch_of(3)), "accepted");
  for (const char* ranges :
       {"1-3 2", "1-2 2-3", "1 1 2 3", "1-2 1-3", "3-1", "1-2",   "2-3", "1 3",  "1-4",   "0-3",
        "4",     "1-3-3",   "1--3",    "-3",      "1-",  "1,2,3", "a",   "01-3", "1-3 x", "+1-3"}) {
    EXPECT_NE(refusal(done(ranges), batch_of(3)), "accepted") << ranges;
  }
  EXPECT_NE(refusal(answer("<done operations='1-3'/>" + refused("2")), batch_of(3)), "accepted");
  EXPECT_NE(refusal(answer(refused("1") + refused("1")), batch_of(1)), "accepted");
}

TEST(AnswerCodec, HugeNumbersAreRefusedAtOnce) {
  for (const char* ranges :
       {"1-18446744073709551615", "18446744073709551615", "1-99999999999999999999999",
        "18446744073709551616", "0-18446744073709551615"}) {
    EXPECT_NE(refusal(done(ranges), batch_of(3)), "accepted") << ranges;
  }
  EXPECT_NE(refusal(answer(refused("18446744073709551615")), batch_of(1)), "accepted");
  EXPECT_NE(refusal(answer(refused("0")), batch_of(1)), "accepted");
}

TEST(AnswerCodec, AnAnswerSaysSomethingOfEveryOperation) {
  EXPECT_EQ(refusal(answer(""), batch_of(1)),
            "the peer's answer is malformed: nothing is said of operation 1");
  EXPECT_EQ(refusal(done("1-511"), batch_of(512)),
            "the peer's answer is malformed: nothing is said of operation 512");
}

TEST(AnswerCodec, AnAnswerIsForItsBatch) {
  EXPECT_NE(refusal(done("1"), batch_of(1, {1, 2})), "accepted");
  EXPECT_NE(refusal(done("1"), batch_of(1, {2, 1})), "accepted");
  EXPECT_NE(refusal(done("1"), Hello{}), "accepted");
  EXPECT_NE(refusal("<hello xmlns='urn:tenet:policy:1' epoch='1' seq='1'/>", Hello{}), "accepted");
}

TEST(AnswerCodec, ChildrenOfOtherNamesAreRefused) {
  EXPECT_NE(refusal(answer("<finished operations='1'/>"), batch_of(1)), "accepted");
  EXPECT_NE(refusal(answer("<done xmlns='urn:x' operations='1'/>"), batch_of(1)), "accepted");
  EXPECT_NE(refusal(answer("<refused operations='1'/>"), batch_of(1)), "accepted");
  EXPECT_NE(refusal(answer("done"), batch_of(1)), "accepted");
}

TEST(AnswerCodec, ARefusalOfAnUnknownConditionIsStillARefusal) {
  const auto element = parse_xml(
      answer("<refused operations='1'><error type='cancel'>"
             "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><from-the-future x='1'/>"
             "</error></refused>"));
  ASSERT_TRUE(element.has_value());
  const auto read = parse_answer(*element, batch_of(1), xmpp::parse_peer);
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(std::get<BatchAnswer>(*read).results[0].has_value());
}

TEST(AnswerCodec, EqualRefusalsShareAnElementAndStayTheSame) {
  const Error busy{Code::busy, "later", {}};
  const BatchAnswer sent{{3, 4}, {busy, std::nullopt, busy, busy}};
  const Element element = to_element(sent);
  ASSERT_EQ(element.children.size(), 2U);
  EXPECT_EQ(*element.children[1].attribute("operations"), "1 3-4");
  Batch request = batch_of(4);
  request.sequence = sent.sequence;
  const auto read = parse_answer(element, request, xmpp::parse_peer);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(std::get<BatchAnswer>(*read).results, sent.results);
}

TEST(AnswerCodec, HoweverMuchIsRefusedTheAnswerStaysBelow48KiB) {
  BatchAnswer sent{{1, 1}, {}};
  for (int i = 0; i < 512; ++i) {
    sent.results.emplace_back(Error{Code::vm_conflict,
                                    std::string(300, 'x') + std::to_string(i),
                                    {.entry = "vm " + std::to_string(i)}});
  }
  const Element element = to_element(sent);
  EXPECT_LT(canonical_text(element).size(), 48U * 1024);
  const auto read = parse_answer(
      element,
      [] {
        Batch request = batch_of(512);
        request.sequence = {1, 1};
        return request;
      }(),
      xmpp::parse_peer);
  ASSERT_TRUE(read.has_value());
  for (const OperationResult& result : std::get<BatchAnswer>(*read).results) {
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->code, Code::vm_conflict);
  }
}

std::string nodes(const std::string& inside) {
  return "<digests xmlns='urn:tenet:policy:1'>" + inside + "</digests>";
}

const std::string kDigest = "digest='" + std::string(64, 'a') + "'";
const std::string kStamp = "revision='1' content='" + std::string(64, 'b') + "'";

TEST(AnswerCodec, NodesAreThoseAskedForInTheirOrder) {
  const Compare request{{{{}, "0"}, {Vnid(7), "0f"}}};
  const std::string network = "<node path='0'/>";
  const std::string vms = "<node vnid='7' path='0f' " + kStamp + "/>";
  EXPECT_EQ(refusal(nodes(network + vms), request), "accepted");
  EXPECT_NE(refusal(nodes(vms + network), request), "accepted");
  EXPECT_EQ(refusal(nodes(network), request), "accepted");  // the rest is asked again
  EXPECT_NE(refusal(nodes(""), request), "accepted");
  EXPECT_NE(refusal(nodes(network + vms + vms), request), "accepted");
  EXPECT_NE(refusal(nodes("<node path='00'/>" + vms), request), "accepted");
  EXPECT_NE(refusal(nodes(network + "<node vnid='8' path='0f' " + kStamp + "/>"), request),
            "accepted");
  EXPECT_NE(refusal(nodes(network + "<node vnid='7' path='0' " + kStamp + "/>"), request),
            "accepted");
}

TEST(AnswerCodec, PathsDoNotLeaveTheTree) {
  const Compare request{{{{}, ""}}};
  const auto child = [](const std::string& path) {
    return nodes("<node path=''><child path='" + path + "' " + kDigest + "/></node>");
  };
  EXPECT_EQ(refusal(child("0"), request), "accepted");
  for (const std::string& path :
       {std::string("../0"), std::string("/"), std::string("0/.."), std::string("F"),
        std::string("012345678"), std::string("%30"), std::string(100'000, '0')}) {
    EXPECT_NE(refusal(child(path), request), "accepted") << path.substr(0, 20);
  }
}

TEST(AnswerCodec, ANodeListsWhatBelongsInItsTree) {
  const std::string vm = "<vm id='a' mac='52:54:00:00:00:01' state='associated'/>";
  const std::string network = "<network vnid='7' " + kDigest + "/>";
  const Compare networks{{{{}, ""}}};
  const Compare vms{{{Vnid(7), ""}}};
  const std::string vm_node = "<node vnid='7' path='' " + kStamp + ">";
  EXPECT_EQ(refusal(nodes("<node path=''>" + network + "</node>"), networks), "accepted");
  EXPECT_NE(refusal(nodes("<node path=''>" + vm + "</node>"), networks), "accepted");
  EXPECT_EQ(refusal(nodes(vm_node + vm + "</node>"), vms), "accepted");
  EXPECT_NE(refusal(nodes(vm_node + network + "</node>"), vms), "accepted");
  const std::string child = "<child path='0' " + kDigest + "/>";
  EXPECT_NE(refusal(nodes(vm_node + child + vm + "</node>"), vms), "accepted");
}

TEST(AnswerCodec, AnAnswerBetweenServersHasAPolicy) {
  const auto element = parse_xml("<network xmlns='urn:tenet:policy:1' vnid='7'/>");
  ASSERT_TRUE(element.has_value());
  EXPECT_FALSE(parse_network_answer(*element).has_value());
}

}  // namespace
}  // namespace tenet::protocol
