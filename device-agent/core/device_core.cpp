#include "device-agent/core/device_core.h"

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
  const auto known = servers_.find(server);
  if (known == servers_.end() || sequence > known->second.contact.last) return std::nullopt;
  return Error{Code::stale_epoch,
               "message " + text(sequence) + " of server " + server.text() + " is not newer than " +
                   text(known->second.contact.last) + ", which was the last to be applied",
               {.entry = text(sequence), .against = text(known->second.contact.last)}};
}

Result<Sha256> DeviceCore::hello(const ServerName& server, const Sequence& sequence, WallTime now) {
  if (auto error = sequence_error(server, sequence)) return fail(*error);
  set_contact(server, {sequence, now});
  return digest(view(server));
}

Result<BatchAnswer> DeviceCore::batch(const ServerName& server, const Batch& batch, WallTime now,
                                      const DatapathRefusals& refused) {
  if (auto error = sequence_error(server, batch.sequence)) return fail(*error);
  set_contact(server, {batch.sequence, now});
  BatchAnswer answer{batch.sequence, {}};
  answer.results.reserve(batch.operations.size());
  for (std::size_t i = 0; i < batch.operations.size(); ++i) {
    if (const auto known = refused.find(i); known != refused.end()) {
      answer.results.emplace_back(known->second);
      continue;
    }
    const std::size_t mark = journal_.size();
    OperationResult result = apply(server, batch.operations[i]);
    if (result) undo_to(mark);
    answer.results.push_back(std::move(result));
  }
  end_emptied_claims(server, batch, answer);
  return answer;
}

OperationResult DeviceCore::apply(const ServerName& server, const Operation& operation) {
  const Usage::Snapshot before = usage_.snapshot(ports_of(operation));
  OperationResult result;
  if (const auto* o = std::get_if<PolicySync>(&operation)) {
    result = sync(server, o->policy);
  } else if (const auto* p = std::get_if<PolicyUpdate>(&operation)) {
    result = update(server, p->policy);
  } else if (const auto* w = std::get_if<PolicyWithdraw>(&operation)) {
    result = withdraw(server, w->vnid);
  } else if (const auto* a = std::get_if<Associate>(&operation)) {
    result = associate(server, *a);
  } else {
    result = dissociate(server, std::get<Dissociate>(operation));
  }
  if (result) return result;
  result = usage_.exceeded(before, options_.capacity);
  if (result) result->witness.entry = text(operation);
  return result;
}

// The ports of which the operation may use more.
std::set<std::string> DeviceCore::ports_of(const Operation& operation) const {
  std::set<std::string> out;
  const auto* associate = std::get_if<Associate>(&operation);
  if (associate != nullptr) out.insert(associate->vm->port);
  const bool changes_policy = std::holds_alternative<PolicySync>(operation) ||
                              std::holds_alternative<PolicyUpdate>(operation) ||
                              (associate != nullptr && associate->policy);
  const auto network = networks_.find(operation_vnid(operation));
  if (changes_policy && network != networks_.end()) {
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
      const auto used = segments_.find(segment->vni);
      if (used != segments_.end() && used->second != policy.vnid()) {
        return Error{Code::policy_conflict,
                     "VNI " + std::to_string(segment->vni) + " is in use by VNID " +
                         used->second.text() + "; set another with vni=",
                     {.entry = "virtual-network vni " + std::to_string(segment->vni),
                      .against = "vnid " + used->second.text()}};
      }
    }
  }
  return verify_baseline(policy, options_.baseline);
}

OperationResult DeviceCore::order_error(const Network& network, const Policy& policy) const {
  const Vnid vnid = policy.vnid();
  const PolicyStamp& now = network.policy->stamp();
  const PolicyStamp& next = policy.stamp();
  if (next.revision < now.revision) {
    return Error{Code::stale_revision,
                 "revision " + std::to_string(next.revision) + " of the policy of VNID " +
                     vnid.text() + " is older than revision " + std::to_string(now.revision) +
                     ", which is in force",
                 {.entry = revision_text(vnid, next), .against = revision_text(vnid, now)}};
  }
  if (next.revision == now.revision && next.content != now.content) {
    return Error{Code::policy_conflict,
                 "revision " + std::to_string(next.revision) + " of the policy of VNID " +
                     vnid.text() + " is in force with other content; raise the revision",
                 {.entry = revision_text(vnid, next) + " content " + next.content.text(),
                  .against = revision_text(vnid, now) + " content " + now.content.text()}};
  }
  // What asks for the same as before would not reach the datapath, and so cannot be acknowledged.
  const auto lacks = unenforced_.find(vnid);
  if (lacks != unenforced_.end() && policy.compile() == network.intents) return lacks->second;
  return std::nullopt;
}

OperationResult DeviceCore::sync(const ServerName& server, const PolicyPtr& policy) {
  const Vnid vnid = policy->vnid();
  const auto network = networks_.find(vnid);
  if (network != networks_.end()) {
    if (auto error = order_error(network->second, *policy)) return error;
    if (network->second.policy->stamp() == policy->stamp()) {
      set_claim(server, vnid, true);
      return std::nullopt;
    }
  }
  if (auto error = verify(*policy)) return error;
  set_policy(vnid, policy);
  set_claim(server, vnid, true);
  return std::nullopt;
}

OperationResult DeviceCore::update(const ServerName& server, const PolicyPtr& policy) {
  const Vnid vnid = policy->vnid();
  const auto network = networks_.find(vnid);
  if (network == networks_.end()) return unknown_vnid(vnid);
  if (!network->second.claims.contains(server)) {
    return unknown_vnid(vnid, " that server " + server.text() + " has claimed");
  }
  if (auto error = order_error(network->second, *policy)) return error;
  if (network->second.policy->stamp() == policy->stamp()) return std::nullopt;
  if (auto error = verify(*policy)) return error;
  set_policy(vnid, policy);
  return std::nullopt;
}

// Idempotent: who has no claim has nothing left to withdraw.
OperationResult DeviceCore::withdraw(const ServerName& server, Vnid vnid) {
  const DeviceView& own = view(server);
  const auto network = own.find(vnid);
  if (network == own.end()) return std::nullopt;
  std::vector<VmId> ids;
  for (const VmPtr& vm : network->second.vms) ids.push_back(vm->id);
  for (const VmId& id : ids) set_vm(server, vnid, id, nullptr);
  end_claim(server, vnid);
  return std::nullopt;
}

void DeviceCore::end_claim(const ServerName& server, Vnid vnid) {
  set_claim(server, vnid, false);
  if (networks_.at(vnid).claims.empty()) set_policy(vnid, nullptr);
}

// ---- VMs -------------------------------------------------------------------------------------

OperationResult DeviceCore::associate(const ServerName& server, const Associate& operation) {
  if (operation.policy) {
    const auto network = networks_.find(operation.vnid);
    const bool claimed = network != networks_.end() && network->second.claims.contains(server);
    auto error = claimed ? update(server, operation.policy) : sync(server, operation.policy);
    if (error) return error;
  }
  return place_vm(server, operation);
}

OperationResult DeviceCore::place_vm(const ServerName& server, const Associate& operation) {
  const Vnid vnid = operation.vnid;
  const Vm& vm = *operation.vm;
  if (!networks_.contains(vnid)) return unknown_vnid(vnid);

  const MemberKey key{vnid, vm.id};
  const auto conflict = [&](const MemberKey& with, const std::string& why) {
    return Error{
        Code::vm_conflict,
        why,
        {.entry = "vm " + text(key) + " mac " + vm.mac.text(), .against = describe_owner(with)}};
  };
  if (const auto mac = macs_.find(vm.mac); mac != macs_.end() && !mac->second.is_of(key)) {
    return conflict(mac->second.key(), "the MAC " + vm.mac.text() + " belongs to VM " +
                                           text(mac->second.key()) + " already");
  }
  if (vm.state == VmState::associated) {
    const ServerName* other = owner(vnid, vm.id);
    if (other != nullptr && *other != server) {
      if (!operation.from || *operation.from != *other) {
        return conflict(key, "VM " + text(key) + " is associated by server " + other->text() +
                                 "; name it as the migration's source to take the VM over");
      }
      // Law 3: from here on the source has nothing, and its late messages change nothing. The
      // claim of the target comes first, so that the policy never lacks one.
      const ServerName source = *other;
      set_claim(server, vnid, true);
      set_vm(source, vnid, vm.id, nullptr);
      if (view(source).at(vnid).vms.empty()) end_claim(source, vnid);
    }
  }
  set_claim(server, vnid, true);
  set_vm(server, vnid, vm.id, operation.vm);
  return std::nullopt;
}

OperationResult DeviceCore::dissociate(const ServerName& server, const Dissociate& operation) {
  if (find_vm(server, operation.vnid, operation.vm)) {
    set_vm(server, operation.vnid, operation.vm, nullptr);
  }
  return std::nullopt;
}

// The seed, steps 502 to 504: with the last VM goes the policy; law 7 keeps it for other servers.
// Only the end of the batch tells which VM was the last: another may have come in its place.
void DeviceCore::end_emptied_claims(const ServerName& server, const Batch& batch,
                                    const BatchAnswer& answer) {
  std::set<Vnid> emptied;
  for (std::size_t i = 0; i < batch.operations.size(); ++i) {
    if (answer.results[i]) continue;
    const Operation& operation = batch.operations[i];
    if (std::holds_alternative<Dissociate>(operation)) emptied.insert(operation_vnid(operation));
    if (std::holds_alternative<PolicySync>(operation) ||
        std::holds_alternative<PolicyUpdate>(operation)) {
      emptied.erase(operation_vnid(operation));
    }
  }
  for (const Vnid vnid : emptied) {
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

const ServerName* DeviceCore::owner(Vnid vnid, const VmId& vm) const {
  const auto network = networks_.find(vnid);
  if (network == networks_.end()) return nullptr;
  for (const ServerName& server : network->second.claims) {
    const VmPtr found = find_vm(server, vnid, vm);
    if (found && found->state == VmState::associated) return &server;
  }
  return nullptr;
}

VmPtr DeviceCore::enabled(const MemberKey& key) const {
  const ServerName* server = owner(key.vnid, key.vm);
  return server == nullptr ? nullptr : find_vm(*server, key.vnid, key.vm);
}

VmPtr DeviceCore::enabled(const Mac& mac) const {
  const auto found = macs_.find(mac);
  return found == macs_.end() ? nullptr : enabled(found->second.key());
}

VmPtr DeviceCore::find_vm(const ServerName& server, Vnid vnid, const VmId& vm) const {
  const DeviceView& own = view(server);
  const auto network = own.find(vnid);
  if (network == own.end()) return nullptr;
  const VmPtr* found = network->second.vms.find(vm);
  return found == nullptr ? nullptr : *found;
}

std::string DeviceCore::describe_owner(const MemberKey& key) const {
  std::string out = "vm " + text(key);
  for (const auto& [name, server] : servers_) {
    if (!find_vm(name, key.vnid, key.vm)) continue;
    out += " of server " + name.text();
    break;
  }
  return out;
}

const DeviceView& DeviceCore::view(const ServerName& server) const {
  static const DeviceView kNothing;
  const auto known = servers_.find(server);
  return known == servers_.end() ? kNothing : known->second.view;
}

// ---- state -----------------------------------------------------------------------------------

void DeviceCore::set_contact(const ServerName& server, const Contact& contact) {
  const auto [record, fresh] = servers_.try_emplace(server);
  journal_.emplace_back([server, unknown = fresh, old = record->second.contact](DeviceCore& core) {
    if (unknown) {
      core.servers_.erase(server);
    } else {
      core.servers_[server].contact = old;
    }
  });
  record->second.contact = contact;
  touched_.servers[server];
}

void DeviceCore::set_policy(Vnid vnid, const PolicyPtr& policy) {
  const auto network = networks_.find(vnid);
  const PolicyPtr old = network == networks_.end() ? nullptr : network->second.policy;
  intents_before_.try_emplace(vnid, old ? std::optional(network->second.intents) : std::nullopt);
  journal_.emplace_back([vnid, old](DeviceCore& core) { core.put_policy(vnid, old); });
  touched_.policies[vnid];
  put_policy(vnid, policy);
}

void DeviceCore::set_claim(const ServerName& server, Vnid vnid, bool present) {
  if (view(server).contains(vnid) == present) return;
  journal_.emplace_back(
      [server, vnid, present](DeviceCore& core) { core.put_claim(server, vnid, !present); });
  touched_.claims[{server, vnid}];
  put_claim(server, vnid, present);
}

void DeviceCore::set_vm(const ServerName& server, Vnid vnid, const VmId& id, const VmPtr& vm) {
  const VmPtr old = find_vm(server, vnid, id);
  const MemberKey key{vnid, id};
  if (!enabled_before_.contains(key)) enabled_before_[key] = enabled(key);
  journal_.emplace_back(
      [server, vnid, id, old](DeviceCore& core) { core.put_vm(server, vnid, id, old); });
  touched_.members[{server, key}];
  put_vm(server, vnid, id, vm);
}

void DeviceCore::put_policy(Vnid vnid, const PolicyPtr& policy) {
  const auto segment_of = [](const Network& network) {
    const Segment* segment = find_intent<Segment>(network.intents);
    return segment == nullptr ? std::nullopt : std::optional(segment->vni);
  };
  if (const auto found = networks_.find(vnid); found != networks_.end()) {
    usage_.remove(found->second.intents, found->second.vms_by_port);
    if (const auto vni = segment_of(found->second)) segments_.erase(*vni);
  }
  if (!policy) {
    networks_.erase(vnid);
    return;
  }
  Network& network = networks_[vnid];
  network.policy = policy;
  network.intents = policy->compile();
  usage_.add(network.intents, network.vms_by_port);
  if (const auto vni = segment_of(network)) segments_[*vni] = vnid;
  restamp(vnid);
}

PolicyStamp DeviceCore::stamp(Vnid vnid) const {
  PolicyStamp out = networks_.at(vnid).policy->stamp();
  if (unenforced_.contains(vnid)) out.content = {};
  return out;
}

void DeviceCore::restamp(Vnid vnid) {
  const Network& network = networks_.at(vnid);
  for (const ServerName& server : network.claims) {
    servers_.at(server).view.at(vnid).stamp = stamp(vnid);
  }
}

void DeviceCore::put_claim(const ServerName& server, Vnid vnid, bool present) {
  Network& network = networks_.at(vnid);
  if (present) {
    network.claims.insert(server);
    servers_[server].view[vnid].stamp = stamp(vnid);
  } else {
    network.claims.erase(server);
    servers_.at(server).view.erase(vnid);
  }
}

void DeviceCore::put_vm(const ServerName& server, Vnid vnid, const VmId& id, const VmPtr& vm) {
  Network& network = networks_.at(vnid);
  Server& record = servers_.at(server);
  auto& vms = record.view.at(vnid).vms;
  if (const VmPtr* old = vms.find(id)) {
    if ((*old)->reserve) --record.reservations;
    count_vm(network, vnid, *old, false);
    if (!vm) vms.erase(id);
  }
  if (vm) {
    if (vm->reserve) ++record.reservations;
    count_vm(network, vnid, vm, true);
    vms.put(vm);
  }
}

void DeviceCore::count_vm(Network& network, Vnid vnid, const VmPtr& shared, bool present) {
  const Vm& vm = *shared;
  const auto mac = macs_.try_emplace(vm.mac, MacUse{vnid, 0, shared}).first;
  if (present) {
    ++mac->second.count;
  } else if (--mac->second.count == 0) {
    macs_.erase(mac);
  }
  if (!vm.holds_resources()) return;
  if (present) {
    ++network.vms_by_port[vm.port];
    usage_.add_vm(network.intents, vm.port);
    return;
  }
  const auto vms_by_port = network.vms_by_port.find(vm.port.str());
  if (--vms_by_port->second == 0) network.vms_by_port.erase(vms_by_port);
  usage_.remove_vm(network.intents, vm.port);
}

void DeviceCore::undo_to(std::size_t mark) {
  while (journal_.size() > mark) {
    journal_.back()(*this);
    journal_.pop_back();
  }
}

void DeviceCore::commit() {
  for (const auto& [vnid, before] : intents_before_) {
    if (!networks_.contains(vnid)) unenforced_.erase(vnid);
  }
  journal_.clear();
  touched_ = {};
  intents_before_.clear();
  enabled_before_.clear();
}

void DeviceCore::rollback() {
  undo_to(0);
  commit();
}

DeviceChanges DeviceCore::changes() const {
  DeviceChanges out = touched_;
  for (auto& [server, contact] : out.servers) contact = servers_.at(server).contact;
  for (auto& [vnid, policy] : out.policies) {
    const auto network = networks_.find(vnid);
    policy = network == networks_.end() ? nullptr : network->second.policy;
  }
  for (auto& [claim, present] : out.claims) present = view(claim.server).contains(claim.vnid);
  for (auto& [member, vm] : out.members)
    vm = find_vm(member.server, member.key.vnid, member.key.vm);
  return out;
}

DatapathDelta DeviceCore::datapath_delta() const {
  DatapathDelta out;
  for (const auto& [vnid, before] : intents_before_) {
    const auto network = networks_.find(vnid);
    auto now = network == networks_.end() ? std::nullopt : std::optional(network->second.intents);
    // One that went and came lacks what it lacked: whoever brought it is not to be told otherwise.
    const bool lacks = now && unenforced_.contains(vnid);
    if (now != before || lacks) out.networks[vnid] = {before, std::move(now)};
  }
  for (const auto& [key, before] : enabled_before_) {
    VmPtr now = enabled(key);
    if (!same(now, before)) out.members[key] = {before, std::move(now)};
  }
  return out;
}

DatapathState DeviceCore::datapath_state() const {
  DatapathState out;
  for (const auto& [vnid, network] : networks_) out.networks[vnid] = network.intents;
  for (const auto& [name, server] : servers_) {
    for (const auto& [vnid, network] : server.view) {
      for (const VmPtr& vm : network.vms) {
        if (vm->state == VmState::associated) out.members[{vnid, vm->id}] = vm;
      }
    }
  }
  return out;
}

void DeviceCore::load(const DeviceChanges& everything) {
  for (const auto& [server, contact] : everything.servers) servers_[server].contact = contact;
  for (const auto& [vnid, policy] : everything.policies) put_policy(vnid, policy);
  for (const auto& [claim, present] : everything.claims) put_claim(claim.server, claim.vnid, true);
  macs_.reserve(everything.members.size());
  for (const auto& [member, vm] : everything.members) {
    put_vm(member.server, member.key.vnid, member.key.vm, vm);
  }
}

void DeviceCore::set_limits(Baseline baseline, Capacity capacity) {
  options_.baseline = std::move(baseline);
  options_.capacity = std::move(capacity);
}

void DeviceCore::set_unenforced(std::map<Vnid, Error> networks) {
  unenforced_.swap(networks);
  for (const auto& affected : {networks, unenforced_}) {
    for (const auto& [vnid, error] : affected) {
      if (networks_.contains(vnid)) restamp(vnid);
    }
  }
}

}  // namespace tenet::device
