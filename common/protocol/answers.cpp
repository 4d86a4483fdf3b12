#include <algorithm>

#include "common/core/text.h"
#include "common/protocol/answer_limits.h"
#include "common/protocol/codec.h"
#include "common/protocol/codec_common.h"
#include "common/protocol/refusal.h"

namespace tenet::protocol {
namespace {

// ---- answers ---------------------------------------------------------------------------------

// "1-3 5" for these places in a batch, counted from zero, as numbers counted from one.
std::string ranges_of(const std::vector<std::size_t>& places) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::size_t first = places[i];
    while (i + 1 < places.size() && places[i + 1] == places[i] + 1) ++i;
    std::string range = std::to_string(first + 1);
    if (places[i] > first) range += "-" + std::to_string(places[i] + 1);
    out.push_back(std::move(range));
  }
  return join(out, " ");
}

tl::unexpected<Error> bad_answer(const std::string& why) {
  return fail(Code::invalid, "the peer's answer is malformed: " + why);
}

// The places that `ranges` names, counted from zero, each marked in `answered`. Nothing if one is
// not in the batch, or was answered before.
std::optional<std::vector<std::size_t>> read_ranges(std::string_view ranges,
                                                    std::vector<bool>& answered) {
  std::vector<std::size_t> out;
  for (const std::string_view word : split_words(ranges)) {
    const auto pieces = split(word, '-');
    const auto first = parse_unsigned(pieces.front(), answered.size());
    const auto last = parse_unsigned(pieces.back(), answered.size());
    if (pieces.size() > 2 || !first || !last || *first == 0 || *first > *last) return std::nullopt;
    for (std::uint64_t i = *first; i <= *last; ++i) {
      if (answered[i - 1]) return std::nullopt;
      answered[i - 1] = true;
      out.push_back(i - 1);
    }
  }
  return out;
}

// Only its frame: what is inside an error is read leniently (see error_from).
std::optional<Error> check_error(const Element& element, PeerParser parse_peer) {
  Attributes in(element);
  in.required<bool>(
      "type", "auth, cancel, continue, modify or wait",
      [](std::string_view t) -> std::optional<bool> {
        for (const std::string_view type : {"auth", "cancel", "continue", "modify", "wait"}) {
          if (t == type) return true;
        }
        return std::nullopt;
      });
  in.optional_result<PeerId>("by", parse_peer);
  if (element.children.empty()) in.fail("there is no condition inside");
  return in.finish(false);
}

Result<Answer> parse_batch_answer(const Element& element, const Batch& request,
                                  PeerParser parse_peer) {
  Attributes in(element);
  BatchAnswer out;
  out.sequence = read_sequence(in);
  if (auto error = in.finish(false)) return fail(*error);
  if (out.sequence != request.sequence) return bad_answer("it is for another batch");
  out.results.resize(request.operations.size());
  std::vector<bool> answered(request.operations.size());
  for (const Element& child : element.children) {
    const bool refused = is(child, "refused");
    if (!refused && !is(child, "done")) {
      return bad_answer("the element " + child.name + " is unknown");
    }
    Attributes attributes(child);
    const auto ranges = attributes.required<std::string>(
        "operations", "numbers and ranges", [](const std::string& t) {
          return split_words(t).empty() ? std::nullopt : std::optional(t);
        });
    if (auto error = attributes.finish(!refused)) return fail(*error);
    const auto places = read_ranges(ranges, answered);
    if (!places) return bad_answer("operations is '" + ranges + "'");
    if (!refused) continue;
    if (child.children.size() != 1 || !is(child.children.front(), "error")) {
      return bad_answer("a refusal has not exactly one error");
    }
    if (auto error = check_error(child.children.front(), parse_peer)) return fail(*error);
    for (const std::size_t place : *places) out.results[place] = error_from(child.children.front());
  }
  for (std::size_t i = 0; i < answered.size(); ++i) {
    if (!answered[i]) return bad_answer("nothing is said of operation " + std::to_string(i + 1));
  }
  return Answer(std::move(out));
}

Result<Sha256> parse_root(const Element& element) {
  Attributes in(element);
  const auto root = in.required<Sha256>("root", kDigest, Sha256::parse);
  if (auto error = in.finish()) return fail(*error);
  return root;
}

// Children are the same in both trees.
Result<std::vector<ChildDigest>> parse_children(const Element& element, std::size_t longest) {
  std::vector<ChildDigest> out;
  for (const Element& child : element.children) {
    if (!is(child, "child")) return bad_answer("the element " + child.name + " is unknown");
    Attributes in(child);
    ChildDigest digest;
    digest.path = in.required<std::string>("path", "hexadecimal digits", path_of(longest));
    digest.digest = in.required<Sha256>("digest", kDigest, Sha256::parse);
    if (auto error = in.finish()) return fail(*error);
    out.push_back(std::move(digest));
  }
  return out;
}

Result<Node> parse_network_node(const Element& element, const NodeQuery& query) {
  Attributes in(element);
  NetworkNode out;
  out.path = in.required<std::string>("path", "hexadecimal digits", path_of(8));
  if (auto error = in.finish(false)) return fail(*error);
  if (out.path != query.path) return bad_answer("a node is not the one asked for");
  if (element.children.size() > kLeaf) return bad_answer("a node has more than 16 children");
  if (!element.children.empty() && is(element.children.front(), "child")) {
    auto children = parse_children(element, 8);
    if (!children) return fail(children.error());
    out.below = *std::move(children);
    return Node(std::move(out));
  }
  std::vector<NetworkDigest> networks;
  for (const Element& child : element.children) {
    if (!is(child, "network")) return bad_answer("the element " + child.name + " is unknown");
    Attributes attributes(child);
    NetworkDigest network;
    network.vnid = attributes.required_result<Vnid>("vnid", Vnid::parse);
    network.digest = attributes.required<Sha256>("digest", kDigest, Sha256::parse);
    if (auto error = attributes.finish()) return fail(*error);
    networks.push_back(network);
  }
  out.below = std::move(networks);
  return Node(std::move(out));
}

Result<Node> parse_vm_node(const Element& element, const NodeQuery& query) {
  Attributes in(element);
  VmNode out;
  out.vnid = in.required_result<Vnid>("vnid", Vnid::parse);
  out.path = in.required<std::string>("path", "hexadecimal digits", path_of(64));
  const auto revision = in.optional<std::uint64_t>(
      "revision", "a number from 1 to 18446744073709551615", [](std::string_view t) {
        const auto n = number(t);
        return n && *n > 0 ? n : std::nullopt;
      });
  const auto content = in.optional<Sha256>("content", kDigest, Sha256::parse);
  if (auto error = in.finish(false)) return fail(*error);
  if (out.vnid != *query.vnid || out.path != query.path) {
    return bad_answer("a node is not the one asked for");
  }
  if (element.children.size() > kLeaf) return bad_answer("a node has more than 16 children");
  if (revision.has_value() != content.has_value()) {
    return bad_answer("revision and content come together");
  }
  out.present = revision && content;
  if (!out.present && !element.children.empty()) {
    return bad_answer("a network that is not there has VMs");
  }
  if (out.present) out.stamp = {*revision, *content};
  if (!element.children.empty() && is(element.children.front(), "child")) {
    auto children = parse_children(element, 64);
    if (!children) return fail(children.error());
    out.below = *std::move(children);
    return Node(std::move(out));
  }
  std::vector<VmPtr> vms;
  for (const Element& child : element.children) {
    if (!is(child, "vm")) return bad_answer("the element " + child.name + " is unknown");
    auto vm = parse_vm(child);
    if (!vm) return fail(vm.error());
    vms.push_back(*vm);
  }
  out.below = std::move(vms);
  return Node(std::move(out));
}

Result<Answer> parse_compare_answer(const Element& element, const Compare& request) {
  Attributes in(element);
  if (auto error = in.finish(false)) return fail(*error);
  if (element.children.empty() || element.children.size() > request.nodes.size()) {
    return bad_answer("it has no nodes, or more than were asked for");
  }
  CompareAnswer out;
  for (std::size_t i = 0; i < element.children.size(); ++i) {
    const Element& child = element.children[i];
    if (!is(child, "node")) return bad_answer("the element " + child.name + " is unknown");
    auto node = request.nodes[i].vnid ? parse_vm_node(child, request.nodes[i])
                                      : parse_network_node(child, request.nodes[i]);
    if (!node) return fail(node.error());
    out.nodes.push_back(*std::move(node));
  }
  return Answer(std::move(out));
}

void write_children(Element& out, const std::vector<ChildDigest>& children) {
  for (const ChildDigest& child : children) {
    out.add("child").set("path", child.path).set("digest", child.digest.text());
  }
}

struct NodeWriter {
  Element operator()(const NetworkNode& node) const {
    Element out = make("node");
    out.set("path", node.path);
    if (const auto* children = std::get_if<0>(&node.below)) {
      write_children(out, *children);
    } else {
      for (const NetworkDigest& network : std::get<1>(node.below)) {
        out.add("network").set("vnid", network.vnid.text()).set("digest", network.digest.text());
      }
    }
    return out;
  }
  Element operator()(const VmNode& node) const {
    Element out = make("node");
    out.set("vnid", node.vnid.text()).set("path", node.path);
    if (node.present) {
      out.set("revision", std::to_string(node.stamp.revision));
      out.set("content", node.stamp.content.text());
    }
    if (const auto* children = std::get_if<0>(&node.below)) {
      write_children(out, *children);
    } else {
      for (const VmPtr& vm : std::get<1>(node.below)) out.add(vm_element(*vm));
    }
    return out;
  }
};

}  // namespace

Element to_element(const HelloAnswer& message) {
  return root_element("hello", message.root);
}

Element to_element(const SyncedAnswer& message) {
  return root_element("synced", message.root);
}

Element to_element(const CompareAnswer& message) {
  Element out = make("digests");
  for (const Node& node : message.nodes) out.children.push_back(std::visit(NodeWriter{}, node));
  keep_first_nodes(out.children);
  return out;
}

Element to_element(const BatchAnswer& message) {
  std::vector<std::size_t> done;
  for (std::size_t i = 0; i < message.results.size(); ++i) {
    if (!message.results[i]) done.push_back(i);
  }
  Element out = sequence_element("batch", message.sequence);
  if (!done.empty()) out.add("done").set("operations", ranges_of(done));
  for (const auto& [error, places] : shared_refusals(message.results)) {
    Element& element = out.add("refused").set("operations", ranges_of(places));
    element.add(to_element(error, std::string(kNamespace)));
  }
  return out;
}

Element to_element(const NetworkAnswer& message) {
  Element out = make("network");
  out.set("vnid", message.policy->vnid().text());
  out.add(message.policy->format());
  if (message.vm) out.add(vm_element(*message.vm));
  return out;
}

Element to_element(const Answer& message) {
  return std::visit([](const auto& m) { return to_element(m); }, message);
}

Result<Answer> parse_answer(const Element& element, const Request& request, PeerParser parse_peer) {
  if (!is(element, request_name(request))) {
    return bad_answer("it is <" + element.name + " xmlns='" + element.xmlns + "'>");
  }
  if (const auto* batch = std::get_if<Batch>(&request))
    return parse_batch_answer(element, *batch, parse_peer);
  if (const auto* compare = std::get_if<Compare>(&request)) {
    return parse_compare_answer(element, *compare);
  }
  auto root = parse_root(element);
  if (!root) return fail(root.error());
  if (std::holds_alternative<Hello>(request)) return Answer(HelloAnswer{*root});
  return Answer(SyncedAnswer{*root});
}

Result<NetworkAnswer> parse_network_answer(const Element& element) {
  if (!is(element, "network")) return unexpected_element(element, "the answer");
  Attributes in(element);
  NetworkAnswer out;
  const Vnid vnid = in.required_result<Vnid>("vnid", Vnid::parse);
  if (auto error = in.finish(false)) return fail(*error);
  for (const Element& child : element.children) {
    if (is(child, "policy") && !out.policy) {
      auto policy = read_policy(child);
      if (!policy) return fail(policy.error());
      out.policy = *policy;
    } else if (is(child, "vm") && out.policy && !out.vm) {
      auto vm = parse_vm(child);
      if (!vm) return fail(vm.error());
      out.vm = *vm;
    } else {
      return unexpected_element(child, "network");
    }
  }
  if (!out.policy) return bad_answer("it has no policy");
  if (out.policy->vnid() != vnid) return bad_answer("the policy is of another VNID");
  return out;
}

}  // namespace tenet::protocol
