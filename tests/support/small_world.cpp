#include "tests/support/small_world.h"

#include <cstdlib>
#include <map>
#include <set>

#include "common/core/digest.h"

namespace tenet::testing {
namespace {

std::uint64_t number_of(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

Match to_vm_tcp(std::uint16_t port) {
  Match match;
  match.direction = Direction::to_vm;
  match.protocol = ip_protocol::kTcp;
  match.destination_port = PortRange{port, port};
  return match;
}

Acl acl(std::size_t rules) {
  Acl out;
  for (std::size_t i = 1; i <= rules; ++i) {
    out.rules.push_back({static_cast<std::uint32_t>(i * 10), Action::permit,
                         to_vm_tcp(static_cast<std::uint16_t>(100 + i))});
  }
  return out;
}

VirtualNetwork group(std::uint8_t last) {
  return {.multicast = IpAddress(Family::ipv4, {239, 1, 1, last}), .vni = {}};
}

std::vector<PolicyEntry> entries(Vnid vnid, Content content) {
  switch (content) {
    case Content::nothing:
      return {};
    case Content::two_rules:
      return {acl(2)};
    case Content::five_rules:
      return {acl(5), Qos{.dscp = 10, .priority = {}}};
    case Content::reservation:
      return {Bandwidth{.from_vm = {}, .to_vm = {}, .reserve = BitRate(10'000'000)}};
    case Content::group_one:
      return {group(1), acl(1)};
    case Content::group_two:
      return {group(2)};
    case Content::other_segment:
      return {VirtualNetwork{.multicast = {}, .vni = vnid.id() + 1}};
    case Content::contradiction:
      return {Acl{Action::deny, {{10, Action::permit, to_vm_tcp(23)}}}};
    case Content::unsupported:
      return {IntrusionDetection{"ids0"}};
  }
  return {};
}

void add(std::string& out, const DeviceView& view) {
  for (const auto& [vnid, network] : view) {
    out += "  " + vnid.text() + " r" + std::to_string(network.stamp.revision) + " " +
           network.stamp.content.text().substr(0, 8);
    for (const VmPtr& vm : network.vms) {
      out += " " + vm->id + "=" + vm->mac.text() + "/" + std::string(state_name(vm->state)) +
             (vm->reserve ? "/reserve" : "") + "/" + vm->port.str();
    }
    out += "\n";
  }
}

}  // namespace

std::vector<std::uint64_t> seeds(std::size_t otherwise) {
  std::vector<std::uint64_t> out(number_of("TENET_SEEDS", otherwise));
  std::uint64_t next = number_of("TENET_FIRST_SEED", 1);
  for (std::uint64_t& seed : out) seed = next++;
  return out;
}

const std::vector<device::ServerName>& servers() {
  static const std::vector<device::ServerName> kServers{
      PeerId("a@x.example"), PeerId("b@x.example"), PeerId("c@x.example")};
  return kServers;
}

const std::vector<Vnid>& vnids() {
  static const std::vector<Vnid> kVnids{Vnid(4096), Vnid(4096, 1), Vnid(4097)};
  return kVnids;
}

const std::vector<VmId>& vm_ids() {
  static const std::vector<VmId> kVms{"v1", "v2", "v3", "v4"};
  return kVms;
}

PolicyPtr policy(Vnid vnid, Revision revision, Content content) {
  return std::make_shared<const Policy>(vnid, revision, entries(vnid, content));
}

PolicyPtr random_policy(Random& random, Vnid vnid) {
  return policy(vnid, 1 + random.below(4), static_cast<Content>(random.below(kContents)));
}

Mac mac(std::size_t n) {
  return Mac({0x52, 0x54, 0, 0, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)});
}

VmPtr vm(const VmId& id, std::size_t mac_number, VmState state, bool reserve, std::string port) {
  Vm out{id, mac(mac_number), state, reserve, {}, std::move(port)};
  return std::make_shared<const Vm>(*make_vm(std::move(out)));
}

VmPtr random_vm(Random& random, Vnid vnid) {
  const std::size_t n = random.below(vm_ids().size());
  // Mostly a MAC of its own, sometimes one that may belong to somebody else.
  const std::size_t own = std::size_t{vnid.id()} * 16 + std::size_t{vnid.version()} * 8 + n;
  const std::size_t other = std::size_t{vnids()[0].id()} * 16 + random.below(4);
  const std::size_t number = random.chance(85) ? own : other;
  const bool associated = random.chance(65);
  return vm(vm_ids()[n], number, associated ? VmState::associated : VmState::pre_associated,
            random.chance(40), random.chance(50) ? "eth1" : "");
}

device::DeviceOptions limits() {
  device::DeviceOptions out;
  out.baseline.rules = {{1, Action::deny, to_vm_tcp(23)}};
  out.capacity.networks = 2;
  out.capacity.vms = 5;
  out.capacity.acl_entries = 6;
  out.capacity.multicast_groups = 1;
  out.capacity.port_bandwidth = 20'000'000;
  out.capacity.ports = {{"eth1", 10'000'000}};
  out.capabilities.unsupported_because[Intent(Mirror{}).index()] = "this device has no mirrors";
  return out;
}

device::DeviceOptions generous() {
  return {};
}

Operation random_operation(Random& random) {
  const Vnid vnid = random.pick(vnids());
  const std::size_t turn = random.below(100);
  if (turn < 15) return PolicySync{random_policy(random, vnid)};
  if (turn < 25) return PolicyUpdate{random_policy(random, vnid)};
  if (turn < 32) return PolicyWithdraw{vnid};
  if (turn < 55) return Dissociate{vnid, random.pick(vm_ids())};
  Associate out{vnid, random_vm(random, vnid)};
  if (random.chance(40)) out.from = random.pick(servers());
  if (random.chance(25)) out.policy = random_policy(random, vnid);
  return out;
}

std::vector<Operation> random_operations(Random& random, std::size_t most) {
  std::vector<Operation> out(1 + random.below(most), PolicyWithdraw{});
  for (Operation& operation : out) operation = random_operation(random);
  return out;
}

std::string dump(const DeviceView& view) {
  std::string out;
  add(out, view);
  return out;
}

std::string dump(const device::DeviceCore& core) {
  std::string out;
  for (const auto& [name, server] : core.servers()) {
    out += "server " + name.text() + " " + text(server.contact.last) + " heard " +
           utc_text(server.contact.last_seen) + " " + digest(server.view).text() + "\n";
    add(out, server.view);
  }
  for (const auto& [vnid, network] : core.networks()) {
    out += "network " + vnid.text() + " r" + std::to_string(network.policy->revision()) + " " +
           network.policy->stamp().content.text().substr(0, 8) + " claims";
    for (const auto& claim : network.claims) out += " " + claim.text();
    for (const auto& [port, count] : network.vms_by_port) {
      out += " '" + port + "':" + std::to_string(count);
    }
    out += "\n";
  }
  for (const auto& row : core.usage()) {
    out += row.capacity + " " + std::to_string(row.used) + " of " + std::to_string(row.limit);
    out += "\n";
  }
  if (const auto next = core.next_expiry()) out += "next expiry " + utc_text(*next) + "\n";
  const device::DatapathState state = core.datapath_state();
  for (const auto& [vnid, intents] : state.networks) {
    for (const Intent& intent : intents) out += "path " + vnid.text() + " " + text(intent) + "\n";
    if (intents.empty()) out += "path " + vnid.text() + "\n";
  }
  for (const auto& [key, vm] : state.members) {
    out += "path " + text(key) + " " + vm->mac.text() + " " + vm->port.str() + "\n";
  }
  return out;
}

std::string broken_invariant(const device::DeviceCore& core) {
  std::map<MemberKey, PeerId> owners;
  std::map<Mac, MemberKey> macs;
  std::map<std::uint32_t, Vnid> segments;
  device::Usage usage;
  for (const auto& [vnid, network] : core.networks()) {
    if (network.claims.empty()) return "law 7: nobody claims " + vnid.text();
    if (network.intents != network.policy->compile()) return "stale intents of " + vnid.text();
    for (const auto& claim : network.claims) {
      if (!core.view(claim).contains(vnid))
        return claim.text() + " does not see its " + vnid.text();
    }
    if (const auto* segment = find_intent<Segment>(network.intents)) {
      if (!segments.emplace(segment->vni, vnid).second) return "two VNIDs share a VNI";
    }
    device::VmCountByPort vms_by_port;
    for (const auto& [name, server] : core.servers()) {
      const auto own = server.view.find(vnid);
      if (own == server.view.end()) continue;
      if (!network.claims.contains(name)) return name.text() + " has no claim on " + vnid.text();
      if (own->second.stamp != core.stamp(vnid)) return name.text() + " sees a stale policy";
      for (const VmPtr& vm : own->second.vms) {
        const MemberKey key{vnid, vm->id};
        if (macs.emplace(vm->mac, key).first->second != key) return "a MAC of two VMs";
        if (vm->holds_resources()) ++vms_by_port[vm->port];
        if (vm->state != VmState::associated) continue;
        if (!owners.emplace(key, name).second) return "two servers own " + text(key);
      }
    }
    if (vms_by_port != network.vms_by_port) return "law 2: wrong holders of " + vnid.text();
    usage.add(network.intents, vms_by_port);
  }
  for (const auto& [name, server] : core.servers()) {
    std::size_t reservations = 0;
    for (const auto& [vnid, own] : server.view) {
      if (!core.networks().contains(vnid)) return name.text() + " has VMs without a policy";
      for (const VmPtr& vm : own.vms) reservations += vm->reserve ? 1 : 0;
    }
    if (reservations != server.reservations)
      return "wrong number of reservations of " + name.text();
  }
  const auto expected = usage.rows(core.options().capacity);
  const auto counted = core.usage();
  bool same = expected.size() == counted.size();
  for (std::size_t i = 0; same && i < expected.size(); ++i) {
    same = expected[i].capacity == counted[i].capacity && expected[i].used == counted[i].used &&
           counted[i].used <= counted[i].limit;
  }
  return same ? "" : "law 2: usage is not the sum of what is there, or beyond the capacity";
}

void store(device::DeviceChanges& everything, const device::DeviceChanges& changes) {
  for (const auto& [server, contact] : changes.servers) everything.servers[server] = contact;
  for (const auto& [vnid, policy] : changes.policies) {
    if (policy) {
      everything.policies[vnid] = policy;
    } else {
      everything.policies.erase(vnid);
    }
  }
  for (const auto& [claim, present] : changes.claims) {
    if (present) {
      everything.claims[claim] = true;
    } else {
      everything.claims.erase(claim);
    }
  }
  for (const auto& [member, vm] : changes.members) {
    if (vm) {
      everything.members[member] = vm;
    } else {
      everything.members.erase(member);
    }
  }
}

}  // namespace tenet::testing
