#include "device-agent/core/device_core.h"

#include "common/core/overloaded.h"
#include "common/core/text.h"

namespace tenet::device {
namespace {

Error unknown_vnid(Vnid vnid, const std::string& more = {}) {
  return {Code::unknown_vnid,
          "the device has no policy for VNID " + vnid.text() + more + "; send policy-sync first",
          {.entry = "vnid " + vnid.text()}};
}

std::string revision_text(Vnid vnid, const PolicyStamp& stamp) {
  return "policy of VNID " + vnid.text() + " revision " + std::to_string(stamp.revision);
}

}  // namespace

// ---- messages --------------------------------------------------------------------------------

std::optional<Error> DeviceCore::sequence_error(const ServerName& server,
                                                const Sequence& sequence) const {
  const auto known = servers().find(server);
  if (known == servers().end() || sequence > known->second.contact.last) return std::nullopt;
  return Error{Code::stale_epoch,
               "message " + text(sequence) + " of server " + server.text() + " is not newer than " +
                   text(known->second.contact.last) + ", which was the last to be applied",
               {.entry = text(sequence), .against = text(known->second.contact.last)}};
}

Result<Sha256> DeviceCore::hello(const ServerName& server, const Sequence& sequence, WallTime now) {
  if (auto error = sequence_error(server, sequence)) return fail(*error);
  state_.set_contact(server, {sequence, now});
  return digest(view(server));
}

Result<BatchAnswer> DeviceCore::batch(const ServerName& server, const Batch& batch, WallTime now,
                                      const DatapathRefusals& refused) {
  if (auto error = sequence_error(server, batch.sequence)) return fail(*error);
  state_.set_contact(server, {batch.sequence, now});
  BatchAnswer answer{batch.sequence, {}};
  answer.results.reserve(batch.operations.size());
  for (std::size_t i = 0; i < batch.operations.size(); ++i) {
    if (const auto known = refused.find(i); known != refused.end()) {
      answer.results.emplace_back(known->second);
      continue;
    }
    const std::size_t mark = state_.mark();
    OperationResult result = apply(server, batch.operations[i]);
    if (result) state_.undo_to(mark);
    answer.results.push_back(std::move(result));
  }
  end_emptied_claims(server, batch, answer);
  return answer;
}

OperationResult DeviceCore::apply(const ServerName& server, const Operation& operation) {
  const Usage::Snapshot before = state_.usage().snapshot(ports_of(operation));
  OperationResult result =
      std::visit(Overloaded{
                     [&](const PolicySync& o) { return sync(server, o.policy); },
                     [&](const PolicyUpdate& o) { return update(server, o.policy); },
                     [&](const PolicyWithdraw& o) { return withdraw(server, o.vnid); },
                     [&](const Associate& o) { return associate(server, o); },
                     [&](const Dissociate& o) { return dissociate(server, o); },
                 },
                 operation);
  if (result) return result;
  result = state_.usage().exceeded(before, options_.capacity);
  if (result) result->witness.entry = text(operation);
  return result;
}

// The ports of which the operation may use more.
std::set<std::string> DeviceCore::ports_of(const Operation& operation) const {
  std::set<std::string> out;
  const auto* associate = std::get_if<Associate>(&operation);
  if (associate != nullptr) out.insert(associate->vm->port);
  const auto network = networks().find(operation_vnid(operation));
  if (policy_of(operation) && network != networks().end()) {
    for (const auto& [port, count] : network->second.vms_by_port) out.insert(port);
  }
  return out;
}

// ---- policies --------------------------------------------------------------------------------

OperationResult DeviceCore::verify(const Policy& policy) const {
  for (const PolicyEntry& entry : policy.entries()) {
    const KindRow& kind = kinds()[entry.index()];
    std::vector<Intent> intents;
    kind.compile(entry, policy.vnid(), intents);
    for (const Intent& intent : intents) {
      if (options_.capabilities.supports(intent)) continue;
      return Error{Code::unsupported,
                   std::string(kind.name) + " cannot be enforced here: " +
                       options_.capabilities.unsupported_because[intent.index()],
                   {.entry = std::string(kind.name)}};
    }
    for (const Intent& intent : intents) {
      const Segment* segment = std::get_if<Segment>(&intent);
      if (segment == nullptr) continue;
      const auto used = state_.segment_user(segment->vni);
      if (used && *used != policy.vnid()) {
        return Error{Code::policy_conflict,
                     "VNI " + std::to_string(segment->vni) + " is in use by VNID " + used->text() +
                         "; set another with vni=",
                     {.entry = "virtual-network vni " + std::to_string(segment->vni),
                      .against = "vnid " + used->text()}};
      }
    }
  }
  return verify_baseline(policy, options_.baseline);
}

OperationResult DeviceCore::order_error(const Network& network, const Policy& policy) const {
  const Vnid vnid = policy.vnid();
  const PolicyStamp& now = network.policy->stamp();
  const PolicyStamp& next = policy.stamp();
  switch (succession(now, next)) {
    case Succession::newer:
    case Succession::same:
      break;
    case Succession::older:
      return Error{Code::stale_revision,
                   "revision " + std::to_string(next.revision) + " of the policy of VNID " +
                       vnid.text() + " is older than revision " + std::to_string(now.revision) +
                       ", which is in force",
                   {.entry = revision_text(vnid, next), .against = revision_text(vnid, now)}};
    case Succession::conflicting:
      return Error{Code::policy_conflict,
                   "revision " + std::to_string(next.revision) + " of the policy of VNID " +
                       vnid.text() + " is in force with other content; raise the revision",
                   {.entry = revision_text(vnid, next) + " content " + next.content.text(),
                    .against = revision_text(vnid, now) + " content " + now.content.text()}};
  }
  // What asks for the same as before would not reach the datapath, and so cannot be acknowledged.
  const auto lacks = unenforced().find(vnid);
  if (lacks != unenforced().end() && policy.compile() == network.intents) return lacks->second;
  return std::nullopt;
}

OperationResult DeviceCore::sync(const ServerName& server, const PolicyPtr& policy) {
  const Vnid vnid = policy->vnid();
  const auto network = networks().find(vnid);
  if (network != networks().end()) {
    if (auto error = order_error(network->second, *policy)) return error;
    if (network->second.policy->stamp() == policy->stamp()) {
      state_.set_claim(server, vnid, true);
      return std::nullopt;
    }
  }
  if (auto error = verify(*policy)) return error;
  state_.set_policy(vnid, policy);
  state_.set_claim(server, vnid, true);
  return std::nullopt;
}

OperationResult DeviceCore::update(const ServerName& server, const PolicyPtr& policy) {
  const Vnid vnid = policy->vnid();
  const auto network = networks().find(vnid);
  if (network == networks().end()) return unknown_vnid(vnid);
  if (!network->second.claims.contains(server)) {
    return unknown_vnid(vnid, " that server " + server.text() + " has claimed");
  }
  if (auto error = order_error(network->second, *policy)) return error;
  if (network->second.policy->stamp() == policy->stamp()) return std::nullopt;
  if (auto error = verify(*policy)) return error;
  state_.set_policy(vnid, policy);
  return std::nullopt;
}

// Idempotent: who has no claim has nothing left to withdraw.
OperationResult DeviceCore::withdraw(const ServerName& server, Vnid vnid) {
  const DeviceView& own = view(server);
  const auto network = own.find(vnid);
  if (network == own.end()) return std::nullopt;
  std::vector<VmId> ids;
  for (const VmPtr& vm : network->second.vms) ids.push_back(vm->id);
  for (const VmId& id : ids) state_.set_vm(server, vnid, id, nullptr);
  end_claim(server, vnid);
  return std::nullopt;
}

void DeviceCore::end_claim(const ServerName& server, Vnid vnid) {
  state_.set_claim(server, vnid, false);
  if (networks().at(vnid).claims.empty()) state_.set_policy(vnid, nullptr);
}

// ---- VMs -------------------------------------------------------------------------------------

OperationResult DeviceCore::associate(const ServerName& server, const Associate& operation) {
  if (operation.policy) {
    const auto network = networks().find(operation.vnid);
    const bool claimed = network != networks().end() && network->second.claims.contains(server);
    auto error = claimed ? update(server, operation.policy) : sync(server, operation.policy);
    if (error) return error;
  }
  return place_vm(server, operation);
}

OperationResult DeviceCore::place_vm(const ServerName& server, const Associate& operation) {
  const Vnid vnid = operation.vnid;
  const Vm& vm = *operation.vm;
  if (!networks().contains(vnid)) return unknown_vnid(vnid);

  const MemberKey key{vnid, vm.id};
  const auto conflict = [&](const MemberKey& with, const std::string& why) {
    return Error{
        Code::vm_conflict,
        why,
        {.entry = "vm " + text(key) + " mac " + vm.mac.text(), .against = describe_owner(with)}};
  };
  if (const auto other = state_.member_with(vm.mac); other && *other != key) {
    return conflict(*other,
                    "the MAC " + vm.mac.text() + " belongs to VM " + text(*other) + " already");
  }
  if (vm.state == VmState::associated) {
    const ServerName* other = state_.owner(vnid, vm.id);
    if (other != nullptr && *other != server) {
      if (!operation.from || *operation.from != *other) {
        return conflict(key, "VM " + text(key) + " is associated by server " + other->text() +
                                 "; name it as the migration's source to take the VM over");
      }
      // Law 3: from here on the source has nothing, and its late messages change nothing. The
      // claim of the target comes first, so that the policy never lacks one.
      const ServerName source = *other;
      state_.set_claim(server, vnid, true);
      state_.set_vm(source, vnid, vm.id, nullptr);
      if (view(source).at(vnid).vms.empty()) end_claim(source, vnid);
    }
  }
  state_.set_claim(server, vnid, true);
  state_.set_vm(server, vnid, vm.id, operation.vm);
  return std::nullopt;
}

OperationResult DeviceCore::dissociate(const ServerName& server, const Dissociate& operation) {
  if (state_.find_vm(server, operation.vnid, operation.vm)) {
    state_.set_vm(server, operation.vnid, operation.vm, nullptr);
  }
  return std::nullopt;
}

// EP 2728470, steps 502 to 504: with the last VM goes the policy; law 7 keeps it for other servers.
void DeviceCore::end_emptied_claims(const ServerName& server, const Batch& batch,
                                    const BatchAnswer& answer) {
  for (const Vnid vnid : vnids_losing_vms(batch.operations, answer.results)) {
    const auto network = view(server).find(vnid);
    if (network != view(server).end() && network->second.vms.empty()) end_claim(server, vnid);
  }
}

CompareAnswer DeviceCore::compare(const ServerName& server, const Compare& query) const {
  const DeviceView& own = view(server);
  std::optional<NetworkTree> networks;
  std::map<Vnid, VmTree> vms;
  CompareAnswer out;
  for (const NodeQuery& node : query.nodes) {
    if (!node.vnid) {
      if (!networks) networks.emplace(own);
      out.nodes.emplace_back(networks->node(node.path));
      continue;
    }
    const auto network = own.find(*node.vnid);
    if (network == own.end()) {
      out.nodes.emplace_back(VmNode{*node.vnid, node.path, false, {}, std::vector<VmPtr>{}});
      continue;
    }
    const auto tree = vms.try_emplace(*node.vnid, network->second).first;
    out.nodes.emplace_back(tree->second.node(*node.vnid, network->second.stamp, node.path));
  }
  return out;
}

std::string DeviceCore::describe_owner(const MemberKey& key) const {
  std::string out = "vm " + text(key);
  for (const auto& [name, server] : servers()) {
    if (!state_.find_vm(name, key.vnid, key.vm)) continue;
    out += " of server " + name.text();
    break;
  }
  return out;
}

void DeviceCore::set_limits(Baseline baseline, Capacity capacity) {
  options_.baseline = std::move(baseline);
  options_.capacity = std::move(capacity);
}

}  // namespace tenet::device
