#include "common/protocol/codec.h"

#include <limits>

#include "common/core/attributes.h"
#include "common/core/text.h"
#include "common/protocol/names.h"
#include "common/protocol/refusal.h"
#include "common/protocol/xml_text.h"

namespace tenet::protocol {
namespace {

constexpr std::uint64_t kMaxNumber = std::numeric_limits<std::uint64_t>::max();

Element make(std::string_view name) {
  return Element{std::string(name), std::string(kNamespace)};
}

std::optional<std::uint64_t> number(std::string_view text) {
  return parse_unsigned(text, kMaxNumber);
}

constexpr std::string_view kNumber = "a number from 0 to 18446744073709551615";
constexpr std::string_view kDigest = "64 hexadecimal digits";

std::optional<std::string> identifier(const std::string& text) {
  return is_identifier(text, 64) ? std::optional(text) : std::nullopt;
}

constexpr std::string_view kIdentifier =
    "1 to 64 of A-Z a-z 0-9 . _ : / -, beginning with a letter or digit";

auto path_of(std::size_t max) {
  return [max](const std::string& text) {
    return is_path(text, max) ? std::optional(text) : std::nullopt;
  };
}

Element sequence_element(std::string_view name, const Sequence& sequence) {
  Element out = make(name);
  out.set("epoch", std::to_string(sequence.epoch)).set("seq", std::to_string(sequence.seq));
  return out;
}

Sequence read_sequence(Attributes& in) {
  Sequence out;
  out.epoch = in.required<std::uint64_t>("epoch", kNumber, number);
  out.seq = in.required<std::uint64_t>("seq", kNumber, number);
  return out;
}

tl::unexpected<Error> unexpected_element(const Element& element, std::string_view inside) {
  return fail(Code::invalid,
              "the element " + element.name + " is not expected inside " + std::string(inside),
              {.entry = element.name});
}

bool is(const Element& element, std::string_view name) {
  return element.name == name && element.xmlns == kNamespace;
}

// ---- VMs -------------------------------------------------------------------------------------

void write_vm(Element& out, const Vm& vm) {
  out.set("mac", vm.mac.text());
  if (!vm.addresses.empty()) out.set("ip", addresses_text(vm));
  if (!vm.port.empty()) out.set("port", vm.port);
}

// All of a VM but its id and state; `reserve` only where the element may carry it.
Vm read_vm(Attributes& in) {
  Vm vm;
  vm.mac = in.required_result<Mac>("mac", Mac::parse);
  vm.addresses = in.optional_result<std::vector<IpAddress>>("ip", parse_addresses)
                     .value_or(std::vector<IpAddress>{});
  vm.port = in.optional<std::string>("port", kIdentifier, identifier).value_or("");
  return vm;
}

Result<VmPtr> finish_vm(Vm vm) {
  auto made = make_vm(std::move(vm));
  if (!made) return fail(made.error());
  return std::make_shared<const Vm>(*std::move(made));
}

Element vm_element(const Vm& vm) {
  Element out = make("vm");
  out.set("id", vm.id);
  write_vm(out, vm);
  out.set("state", std::string(state_name(vm.state)));
  if (vm.reserve) out.set("reserve", "true");
  return out;
}

Result<VmPtr> parse_vm(const Element& element) {
  Attributes in(element);
  const auto id = in.required<std::string>("id", kIdentifier, identifier);
  Vm vm = read_vm(in);
  vm.id = id;
  vm.state = in.required<VmState>("state", "associated or pre-associated",
                                  [](std::string_view t) -> std::optional<VmState> {
                                    if (t == "associated") return VmState::associated;
                                    if (t == "pre-associated") return VmState::pre_associated;
                                    return std::nullopt;
                                  });
  vm.reserve = in.optional<bool>("reserve", "true or false", parse_boolean).value_or(false);
  if (auto error = in.finish()) return fail(*error);
  return finish_vm(std::move(vm));
}

Result<PolicyPtr> read_policy(const Element& element) {
  auto policy = Policy::parse(element);
  if (!policy) return fail(policy.error());
  return std::make_shared<const Policy>(*std::move(policy));
}

// ---- operations ------------------------------------------------------------------------------

struct OperationWriter {
  Element operator()(const PolicySync& o) const { return with_policy("policy-sync", o.policy); }
  Element operator()(const PolicyUpdate& o) const { return with_policy("policy-update", o.policy); }
  Element operator()(const PolicyWithdraw& o) const {
    Element out = make("policy-withdraw");
    out.set("vnid", o.vnid.text());
    return out;
  }
  Element operator()(const Associate& o) const {
    Element out = make(operation_name(o));
    out.set("vnid", o.vnid.text()).set("vm", o.vm->id);
    write_vm(out, *o.vm);
    if (o.vm->reserve) out.set("reserve", "true");
    if (o.from) out.set("from", o.from->text());
    if (o.policy) out.add(o.policy->format());
    return out;
  }
  Element operator()(const Dissociate& o) const {
    Element out = make("dissociate");
    out.set("vnid", o.vnid.text()).set("vm", o.vm);
    return out;
  }

 private:
  static Element with_policy(std::string_view name, const PolicyPtr& policy) {
    Element out = make(name);
    out.add(policy->format());
    return out;
  }
};

Result<PolicyPtr> parse_only_policy(const Element& element) {
  Attributes in(element);
  if (auto error = in.finish(false)) return fail(*error);
  if (element.children.size() != 1) {
    return fail(Code::invalid, element.name + ": write exactly one policy inside",
                {.entry = element.name});
  }
  return read_policy(element.children.front());
}

Result<Operation> parse_sync(const Element& element) {
  auto policy = parse_only_policy(element);
  if (!policy) return fail(policy.error());
  return Operation(PolicySync{*policy});
}

Result<Operation> parse_update(const Element& element) {
  auto policy = parse_only_policy(element);
  if (!policy) return fail(policy.error());
  return Operation(PolicyUpdate{*policy});
}

Result<Operation> parse_withdraw(const Element& element) {
  Attributes in(element);
  const Vnid vnid = in.required_result<Vnid>("vnid", Vnid::parse);
  if (auto error = in.finish()) return fail(*error);
  return Operation(PolicyWithdraw{vnid});
}

Result<Operation> parse_association(const Element& element, VmState state) {
  Attributes in(element);
  Associate out;
  out.vnid = in.required_result<Vnid>("vnid", Vnid::parse);
  const auto id = in.required<std::string>("vm", kIdentifier, identifier);
  Vm vm = read_vm(in);
  vm.id = id;
  vm.state = state;
  if (state == VmState::pre_associated) {
    vm.reserve = in.optional<bool>("reserve", "true or false", parse_boolean).value_or(false);
  }
  out.from = in.optional_result<Jid>("from", Jid::parse);
  if (element.children.size() > 1) in.fail("write at most one policy inside");
  if (auto error = in.finish(false)) return fail(*error);
  auto made = finish_vm(std::move(vm));
  if (!made) return fail(made.error());
  out.vm = *made;
  if (!element.children.empty()) {
    auto policy = read_policy(element.children.front());
    if (!policy) return fail(policy.error());
    out.policy = *policy;
    if (out.policy->vnid() != out.vnid) {
      return fail(Code::invalid,
                  element.name + ": the policy inside is of VNID " + out.policy->vnid().text(),
                  {.entry = element.name + " vnid " + out.vnid.text()});
    }
  }
  return Operation(std::move(out));
}

Result<Operation> parse_associate(const Element& element) {
  return parse_association(element, VmState::associated);
}

Result<Operation> parse_pre_associate(const Element& element) {
  return parse_association(element, VmState::pre_associated);
}

Result<Operation> parse_dissociate(const Element& element) {
  Attributes in(element);
  Dissociate out;
  out.vnid = in.required_result<Vnid>("vnid", Vnid::parse);
  out.vm = in.required<std::string>("vm", kIdentifier, identifier);
  if (auto error = in.finish()) return fail(*error);
  return Operation(std::move(out));
}

struct OperationRow {
  std::string_view name;
  Result<Operation> (*parse)(const Element&);
};
constexpr OperationRow kOperations[] = {
    {"policy-sync", parse_sync},         {"policy-update", parse_update},
    {"policy-withdraw", parse_withdraw}, {"pre-associate", parse_pre_associate},
    {"associate", parse_associate},      {"dissociate", parse_dissociate},
};

Result<Operation> parse_operation(const Element& element) {
  for (const OperationRow& row : kOperations) {
    if (is(element, row.name)) return row.parse(element);
  }
  return unexpected_element(element, "batch");
}

// ---- requests --------------------------------------------------------------------------------

Result<Request> parse_hello(const Element& element) {
  Attributes in(element);
  const Hello out{read_sequence(in)};
  if (auto error = in.finish()) return fail(*error);
  return Request(out);
}

Result<Request> parse_synced(const Element& element) {
  Attributes in(element);
  const Synced out{in.required<Sha256>("root", kDigest, Sha256::parse)};
  if (auto error = in.finish()) return fail(*error);
  return Request(out);
}

Result<Request> parse_compare(const Element& element) {
  Attributes in(element);
  if (auto error = in.finish(false)) return fail(*error);
  Compare out;
  for (const Element& child : element.children) {
    if (!is(child, "node")) return unexpected_element(child, "digests");
    Attributes node(child);
    NodeQuery query;
    query.vnid = node.optional_result<Vnid>("vnid", Vnid::parse);
    const std::size_t longest = query.vnid ? 64 : 8;
    query.path = node.required<std::string>("path", "hexadecimal digits", path_of(longest));
    if (auto error = node.finish()) return fail(*error);
    out.nodes.push_back(std::move(query));
  }
  if (out.nodes.empty() || out.nodes.size() > Compare::kMaxNodes) {
    return fail(Code::invalid, "digests: write 1 to 16 nodes inside", {.entry = "digests"});
  }
  return Request(std::move(out));
}

Result<Request> parse_batch(const Element& element) {
  Attributes in(element);
  Batch out;
  out.sequence = read_sequence(in);
  if (auto error = in.finish(false)) return fail(*error);
  out.operations.reserve(element.children.size());
  for (const Element& child : element.children) {
    auto operation = parse_operation(child);
    if (!operation) {
      Error error = operation.error();
      error.text = "operation " + std::to_string(out.operations.size() + 1) + ": " + error.text;
      return fail(error);
    }
    out.operations.push_back(*std::move(operation));
  }
  if (out.operations.empty()) {
    return fail(Code::invalid, "batch: write at least one operation inside", {.entry = "batch"});
  }
  return Request(std::move(out));
}

struct RequestRow {
  std::string_view name;
  Result<Request> (*parse)(const Element&);
};
// In the order of Request's alternatives.
constexpr RequestRow kRequests[] = {
    {"hello", parse_hello},
    {"digests", parse_compare},
    {"batch", parse_batch},
    {"synced", parse_synced},
};

// ---- answers ---------------------------------------------------------------------------------

// "1-3 5" for the operations, counted from one, that are done.
std::string done_ranges(const std::vector<OperationResult>& results) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i]) continue;
    const std::size_t first = i;
    while (i + 1 < results.size() && !results[i + 1]) ++i;
    std::string range = std::to_string(first + 1);
    if (i > first) range += "-" + std::to_string(i + 1);
    out.push_back(std::move(range));
  }
  return join(out, " ");
}

tl::unexpected<Error> bad_answer(const std::string& why) {
  return fail(Code::invalid, "the peer's answer is malformed: " + why);
}

// Marks the operations in `ranges` as done. False if they are not as the request has them.
bool read_done(std::string_view ranges, std::vector<bool>& answered) {
  for (const std::string_view word : split_words(ranges)) {
    const auto pieces = split(word, '-');
    const auto first = parse_unsigned(pieces.front(), answered.size());
    const auto last = parse_unsigned(pieces.back(), answered.size());
    if (pieces.size() > 2 || !first || !last || *first == 0 || *first > *last) return false;
    for (std::uint64_t i = *first; i <= *last; ++i) {
      if (answered[i - 1]) return false;
      answered[i - 1] = true;
    }
  }
  return true;
}

Result<Answer> parse_batch_answer(const Element& element, const Batch& request) {
  Attributes in(element);
  BatchAnswer out;
  out.sequence = read_sequence(in);
  if (auto error = in.finish(false)) return fail(*error);
  if (out.sequence != request.sequence) return bad_answer("it is for another batch");
  out.results.resize(request.operations.size());
  std::vector<bool> answered(request.operations.size());
  for (const Element& child : element.children) {
    Attributes attributes(child);
    if (is(child, "done")) {
      const auto ranges =
          attributes.required<std::string>("operations", "numbers and ranges",
                                           [](const std::string& t) { return std::optional(t); });
      if (!read_done(ranges, answered)) return bad_answer("operations is '" + ranges + "'");
    } else if (is(child, "refused")) {
      const auto place = attributes.required<std::uint64_t>(
          "operation", "its number in the batch",
          [&](std::string_view t) { return parse_unsigned(t, answered.size()); });
      const Element* error = child.child("error");
      if (place == 0 || answered[place - 1] || error == nullptr) {
        return bad_answer("a refusal names no operation, one twice, or no error");
      }
      answered[place - 1] = true;
      out.results[place - 1] = error_from(*error);
    } else {
      return bad_answer("the element " + child.name + " is unknown");
    }
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
  if (element.child("child") != nullptr) {
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
  const auto revision = in.optional<std::uint64_t>("revision", kNumber, number);
  const auto content = in.optional<Sha256>("content", kDigest, Sha256::parse);
  if (auto error = in.finish(false)) return fail(*error);
  if (out.vnid != *query.vnid || out.path != query.path) {
    return bad_answer("a node is not the one asked for");
  }
  out.present = revision && content;
  if (out.present) out.stamp = {*revision, *content};
  if (element.child("child") != nullptr) {
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
  if (element.children.size() != request.nodes.size()) {
    return bad_answer("it has not as many nodes as were asked for");
  }
  CompareAnswer out;
  for (std::size_t i = 0; i < request.nodes.size(); ++i) {
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

Element root_element(std::string_view name, const Sha256& root) {
  Element out = make(name);
  out.set("root", root.text());
  return out;
}

}  // namespace

Element to_element(const Hello& message) {
  return sequence_element("hello", message.sequence);
}
Element to_element(const HelloAnswer& message) {
  return root_element("hello", message.root);
}
Element to_element(const Synced& message) {
  return root_element("synced", message.root);
}
Element to_element(const SyncedAnswer& message) {
  return root_element("synced", message.root);
}

Element to_element(const Compare& message) {
  Element out = make("digests");
  for (const NodeQuery& query : message.nodes) {
    Element& node = out.add("node");
    if (query.vnid) node.set("vnid", query.vnid->text());
    node.set("path", query.path);
  }
  return out;
}

Element to_element(const CompareAnswer& message) {
  Element out = make("digests");
  for (const Node& node : message.nodes) out.add(std::visit(NodeWriter{}, node));
  return out;
}

Element to_element(const Operation& operation) {
  return std::visit(OperationWriter{}, operation);
}

Element to_element(const Batch& message) {
  Element out = sequence_element("batch", message.sequence);
  out.children.reserve(message.operations.size());
  for (const Operation& operation : message.operations) out.add(to_element(operation));
  return out;
}

Element to_element(const BatchAnswer& message) {
  Element out = sequence_element("batch", message.sequence);
  const std::string done = done_ranges(message.results);
  if (!done.empty()) out.add("done").set("operations", done);
  for (std::size_t i = 0; i < message.results.size(); ++i) {
    if (!message.results[i]) continue;
    Element& refused = out.add("refused").set("operation", std::to_string(i + 1));
    refused.add(to_element(*message.results[i], std::string(kNamespace)));
  }
  return out;
}

Element to_element(const NetworkQuery& message) {
  Element out = make("network");
  out.set("vnid", message.vnid.text());
  if (!message.vm.empty()) out.set("vm", message.vm);
  return out;
}

Element to_element(const NetworkAnswer& message) {
  Element out = make("network");
  out.set("vnid", message.policy->vnid().text());
  out.add(message.policy->format());
  if (message.vm) out.add(vm_element(*message.vm));
  return out;
}

Element to_element(const Request& message) {
  return std::visit([](const auto& m) { return to_element(m); }, message);
}

Element to_element(const Answer& message) {
  return std::visit([](const auto& m) { return to_element(m); }, message);
}

Result<Request> parse_request(const Element& element) {
  for (const RequestRow& row : kRequests) {
    if (is(element, row.name)) return row.parse(element);
  }
  return fail(Code::invalid,
              "the request " + element.name + " is unknown; write hello, digests, batch or synced",
              {.entry = element.name});
}

Result<Answer> parse_answer(const Element& element, const Request& request) {
  if (!is(element, kRequests[request.index()].name)) {
    return bad_answer("it is <" + element.name + " xmlns='" + element.xmlns + "'>");
  }
  if (const auto* batch = std::get_if<Batch>(&request)) return parse_batch_answer(element, *batch);
  if (const auto* compare = std::get_if<Compare>(&request)) {
    return parse_compare_answer(element, *compare);
  }
  auto root = parse_root(element);
  if (!root) return fail(root.error());
  if (std::holds_alternative<Hello>(request)) return Answer(HelloAnswer{*root});
  return Answer(SyncedAnswer{*root});
}

Result<NetworkQuery> parse_network_query(const Element& element) {
  if (!is(element, "network")) return unexpected_element(element, "the request");
  Attributes in(element);
  NetworkQuery out;
  out.vnid = in.required_result<Vnid>("vnid", Vnid::parse);
  out.vm = in.optional<std::string>("vm", kIdentifier, identifier).value_or("");
  if (auto error = in.finish()) return fail(*error);
  return out;
}

Result<NetworkAnswer> parse_network_answer(const Element& element) {
  if (!is(element, "network")) return unexpected_element(element, "the answer");
  NetworkAnswer out;
  for (const Element& child : element.children) {
    if (is(child, "policy")) {
      auto policy = read_policy(child);
      if (!policy) return fail(policy.error());
      out.policy = *policy;
    } else if (is(child, "vm")) {
      auto vm = parse_vm(child);
      if (!vm) return fail(vm.error());
      out.vm = *vm;
    } else {
      return unexpected_element(child, "network");
    }
  }
  if (!out.policy) return bad_answer("it has no policy");
  return out;
}

Result<PolicyPtr> parse_policy(std::string_view text) {
  auto element = parse_xml(text);
  if (!element) return fail(element.error());
  return read_policy(*element);
}

std::string format_policy(const Policy& policy) {
  return format_xml(policy.format(), Layout::indented);
}

std::size_t encoded_bytes(const Operation& operation) {
  // Namespaces are declared once, on the batch.
  return canonical_text(to_element(operation)).size() +
         (std::holds_alternative<Associate>(operation) ? 0 : 32);
}

}  // namespace tenet::protocol
