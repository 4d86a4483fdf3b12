#include "common/core/text.h"
#include "common/protocol/codec.h"
#include "common/protocol/codec_common.h"
#include "common/protocol/xml_text.h"

namespace tenet::protocol {
namespace {

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

Result<Operation> parse_sync(const Element& element, PeerParser) {
  auto policy = parse_only_policy(element);
  if (!policy) return fail(policy.error());
  return Operation(PolicySync{*policy});
}

Result<Operation> parse_update(const Element& element, PeerParser) {
  auto policy = parse_only_policy(element);
  if (!policy) return fail(policy.error());
  return Operation(PolicyUpdate{*policy});
}

Result<Operation> parse_withdraw(const Element& element, PeerParser) {
  Attributes in(element);
  const Vnid vnid = in.required_result<Vnid>("vnid", Vnid::parse);
  if (auto error = in.finish()) return fail(*error);
  return Operation(PolicyWithdraw{vnid});
}

Result<Operation> parse_association(const Element& element, VmState state, PeerParser parse_peer) {
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
  out.from = in.optional_result<PeerId>("from", parse_peer);
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

Result<Operation> parse_associate(const Element& element, PeerParser parse_peer) {
  return parse_association(element, VmState::associated, parse_peer);
}

Result<Operation> parse_pre_associate(const Element& element, PeerParser parse_peer) {
  return parse_association(element, VmState::pre_associated, parse_peer);
}

Result<Operation> parse_dissociate(const Element& element, PeerParser) {
  Attributes in(element);
  Dissociate out;
  out.vnid = in.required_result<Vnid>("vnid", Vnid::parse);
  out.vm = in.required<std::string>("vm", kIdentifier, identifier);
  if (auto error = in.finish()) return fail(*error);
  return Operation(std::move(out));
}

struct OperationRow {
  std::string_view name;
  Result<Operation> (*parse)(const Element&, PeerParser);
};
constexpr OperationRow kOperations[] = {
    {"policy-sync", parse_sync},         {"policy-update", parse_update},
    {"policy-withdraw", parse_withdraw}, {"pre-associate", parse_pre_associate},
    {"associate", parse_associate},      {"dissociate", parse_dissociate},
};

Result<Operation> parse_operation(const Element& element, PeerParser parse_peer) {
  for (const OperationRow& row : kOperations) {
    if (is(element, row.name)) return row.parse(element, parse_peer);
  }
  return unexpected_element(element, "batch");
}

// ---- requests --------------------------------------------------------------------------------

Result<Request> parse_hello(const Element& element, PeerParser) {
  Attributes in(element);
  const Hello out{read_sequence(in)};
  if (auto error = in.finish()) return fail(*error);
  return Request(out);
}

Result<Request> parse_synced(const Element& element, PeerParser) {
  Attributes in(element);
  const Synced out{in.required<Sha256>("root", kDigest, Sha256::parse)};
  if (auto error = in.finish()) return fail(*error);
  return Request(out);
}

Result<Request> parse_compare(const Element& element, PeerParser) {
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

Result<Request> parse_batch(const Element& element, PeerParser parse_peer) {
  Attributes in(element);
  Batch out;
  out.sequence = read_sequence(in);
  if (auto error = in.finish(false)) return fail(*error);
  out.operations.reserve(element.children.size());
  for (const Element& child : element.children) {
    auto operation = parse_operation(child, parse_peer);
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
  Result<Request> (*parse)(const Element&, PeerParser);
};
// In the order of Request's alternatives.
constexpr RequestRow kRequests[] = {
    {"hello", parse_hello},
    {"digests", parse_compare},
    {"batch", parse_batch},
    {"synced", parse_synced},
};

}  // namespace

std::string_view request_name(const Request& request) {
  return kRequests[request.index()].name;
}

Element to_element(const Hello& message) {
  return sequence_element("hello", message.sequence);
}

Element to_element(const Synced& message) {
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

Element to_element(const Operation& operation) {
  return std::visit(OperationWriter{}, operation);
}

Element to_element(const Batch& message) {
  Element out = sequence_element("batch", message.sequence);
  out.children.reserve(message.operations.size());
  for (const Operation& operation : message.operations) out.add(to_element(operation));
  return out;
}

Element to_element(const NetworkQuery& message) {
  Element out = make("network");
  out.set("vnid", message.vnid.text());
  if (!message.vm.empty()) out.set("vm", message.vm);
  return out;
}

Element to_element(const Request& message) {
  return std::visit([](const auto& m) { return to_element(m); }, message);
}

Result<Request> parse_request(const Element& element, PeerParser parse_peer) {
  for (const RequestRow& row : kRequests) {
    if (is(element, row.name)) return row.parse(element, parse_peer);
  }
  return fail(Code::invalid,
              "the request " + element.name + " is unknown; write hello, digests, batch or synced",
              {.entry = element.name});
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

Result<PolicyPtr> parse_policy(std::string_view text) {
  auto element = parse_xml(text);
  if (!element) return fail(element.error());
  return read_policy(*element);
}

std::string format_policy(const Policy& policy) {
  return format_xml(policy.format(), XmlLayout::indented);
}

}  // namespace tenet::protocol
