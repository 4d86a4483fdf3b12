#include "device-agent/device_commands.h"

#include "common/core/attributes.h"
#include "common/core/text.h"
#include "common/protocol/codec.h"
#include "device-agent/core/explain.h"

namespace tenet::device {
namespace {

using protocol::FormField;
using xmpp::CommandDone;
using xmpp::CommandInput;
using xmpp::CommandOutput;

FormField vnid_filter() {
  return {"vnid", "text-single", "VNID, like 4096 or 4096.2 (empty: all)"};
}

// The VNID in the form, or nothing.
Result<std::optional<Vnid>> read_filter(const CommandInput& in) {
  if (!in.has("vnid")) return std::nullopt;
  auto vnid = Vnid::parse(in.text("vnid"));
  if (!vnid) return fail(vnid.error());
  return *vnid;
}

Error no_policy(Vnid vnid) {
  return {Code::unknown_vnid,
          "the device has no policy for VNID " + vnid.text(),
          {.entry = "vnid " + vnid.text()}};
}

Result<CommandOutput> list_policies(const CommandServices& services, const CommandInput& in) {
  const auto filter = read_filter(in);
  if (!filter) return fail(filter.error());
  CommandOutput out{"Policies", {"vnid", "revision", "kinds", "vms", "servers", "enforced"}};
  for (const auto& [vnid, network] : services.core.networks()) {
    if (*filter && **filter != vnid) continue;
    std::vector<std::string> kind_names;
    for (const PolicyEntry& entry : network.policy->entries()) {
      kind_names.emplace_back(kinds()[entry.index()].name);
    }
    const auto lacks = services.core.unenforced().find(vnid);
    std::size_t vms = 0;
    for (const ServerName& server : network.claims)
      vms += services.core.view(server).at(vnid).vms.size();
    out.rows.push_back(
        {vnid.text(), std::to_string(network.policy->revision()), join(kind_names, " "),
         std::to_string(vms), join({network.claims.begin(), network.claims.end()}, " "),
         lacks == services.core.unenforced().end() ? "yes" : "no: " + lacks->second.text});
  }
  return out;
}

Result<CommandOutput> list_vms(const CommandServices& services, const CommandInput& in) {
  const auto filter = read_filter(in);
  if (!filter) return fail(filter.error());
  CommandOutput out{"VMs", {"vnid", "vm", "mac", "ip", "port", "state", "reserve", "server"}};
  for (const auto& [vnid, network] : services.core.networks()) {
    if (*filter && **filter != vnid) continue;
    for (const ServerName& server : network.claims) {
      const std::string until = "until " + utc_text(services.core.reserved_until(server));
      for (const VmPtr& vm : services.core.view(server).at(vnid).vms) {
        out.rows.push_back({vnid.text(), vm->id, vm->mac.text(), addresses_text(*vm), vm->port,
                            std::string(state_name(vm->state)), vm->reserve ? until : "no",
                            server});
      }
    }
  }
  return out;
}

Result<CommandOutput> show_policy(const CommandServices& services, const CommandInput& in) {
  auto vnid = Vnid::parse(in.text("vnid"));
  if (!vnid) return fail(vnid.error());
  const auto network = services.core.networks().find(*vnid);
  if (network == services.core.networks().end()) return fail(no_policy(*vnid));
  CommandOutput out{"Policy of VNID " + vnid->text()};
  out.document = protocol::format_policy(*network->second.policy);
  return out;
}

Result<CommandOutput> show_capacity(const CommandServices& services, const CommandInput&) {
  CommandOutput out{"Capacity", {"capacity", "used", "limit"}};
  for (const Usage::Row& row : services.core.usage()) {
    const bool rate = row.capacity.starts_with("bandwidth");
    const auto number = [&](std::uint64_t n) {
      return rate ? BitRate(n).text() : std::to_string(n);
    };
    out.rows.push_back({row.capacity, number(row.used),
                        row.limit == Capacity::kUnlimited ? "unlimited" : number(row.limit)});
  }
  return out;
}

// The packet that the form describes. It is read like a rule, whose fields have the same names.
Result<Packet> read_packet(const CommandInput& in, const VmPtr& vm) {
  Element rule{"packet", {}};
  rule.set("id", "1").set("action", "permit");
  for (const std::string_view field :
       {"direction", "ethertype", "protocol", "source", "destination", "source-port",
        "destination-port", "icmp-type", "established"}) {
    if (in.has(field)) rule.set(std::string(field), in.text(field));
  }
  auto parsed = parse_rule(rule);
  if (!parsed) return fail(Code::invalid, "the packet: " + parsed.error().text);
  for (const auto& prefix : {parsed->match.source, parsed->match.destination}) {
    if (prefix && prefix->length() != prefix->address().bits()) {
      return fail(Code::invalid, prefix->text() + " is no address of one packet");
    }
  }
  // The one packet that matches, with zeros where the form says nothing.
  auto packet = common_packet(parsed->match, parsed->match);
  if (!packet) return fail(Code::invalid, "there is no such packet");
  // The VM's own end is its own address, unless the form says otherwise.
  const bool from_vm = packet->direction == Direction::from_vm;
  if (vm && !(from_vm ? parsed->match.source : parsed->match.destination)) {
    IpAddress& own = from_vm ? packet->source : packet->destination;
    for (const IpAddress& address : vm->addresses) {
      if (address.family() != own.family()) continue;
      own = address;
      break;
    }
  }
  return *packet;
}

VmPtr find_vm(const DeviceCore& core, const DeviceCore::Network& network, Vnid vnid,
              const VmId& id) {
  VmPtr out;
  for (const ServerName& server : network.claims) {
    const VmPtr* found = core.view(server).at(vnid).vms.find(id);
    if (found == nullptr) continue;
    if (!out || (*found)->state == VmState::associated) out = *found;
  }
  return out;
}

Result<CommandOutput> explain_packet(const CommandServices& services, const CommandInput& in) {
  auto vnid = Vnid::parse(in.text("vnid"));
  if (!vnid) return fail(vnid.error());
  const auto network = services.core.networks().find(*vnid);
  if (network == services.core.networks().end()) return fail(no_policy(*vnid));
  const VmPtr vm = find_vm(services.core, network->second, *vnid, in.text("vm"));
  auto packet = read_packet(in, vm);
  if (!packet) return fail(packet.error());
  // Law 10.
  Verdict verdict{Action::deny, "the VM is unknown here: no traffic"};
  if (vm && vm->state == VmState::pre_associated) {
    verdict.decided_by = "the VM is only pre-associated: no traffic";
  } else if (vm) {
    auto leases = services.leases();
    if (!leases) return fail(leases.error());
    std::vector<IpAddress> leased;
    for (const Lease& lease : *leases) {
      if (lease.mac == vm->mac) leased.push_back(lease.address);
    }
    verdict = explain(*vm, network->second.intents, *packet, leased);
  }
  CommandOutput out{"Verdict", {"verdict", "decided-by", "packet"}};
  out.rows.push_back({std::string(action_name(verdict.action)), verdict.decided_by, text(*packet)});
  return out;
}

Result<CommandOutput> resync(const CommandServices& services, const CommandInput&) {
  auto repaired = services.resync();
  if (!repaired) return fail(repaired.error());
  CommandOutput out{"Repaired", {"repaired"}};
  for (std::string& what : *repaired) out.rows.push_back({std::move(what)});
  return out;
}

}  // namespace

std::vector<xmpp::AdhocCommand> device_commands(const CommandServices& services) {
  using Function = Result<CommandOutput> (*)(const CommandServices&, const CommandInput&);
  const auto row = [&services](std::string node, std::string name, std::string summary,
                               std::vector<FormField> fields, Function function,
                               bool listing = false) {
    return xmpp::AdhocCommand{
        std::move(node),
        std::move(name),
        std::move(summary),
        std::move(fields),
        [services, function](const CommandInput& in, const CommandDone& done) {
          done(function(services, in));
        },
        listing};
  };
  const FormField vnid{"vnid", "text-single", "VNID, like 4096 or 4096.2", {}, {}, true};
  const FormField vm{"vm", "text-single", "VM", {}, {}, true};
  const FormField direction{"direction",
                            "list-single",
                            "Direction, as the VM sees it",
                            {"from-vm"},
                            {"from-vm", "to-vm"}};
  return {
      row("list-policies", "List policies", "The policies that this device enforces.",
          {vnid_filter()}, list_policies, true),
      row("list-vms", "List VMs", "The VMs that this device knows.", {vnid_filter()}, list_vms,
          true),
      row("show-policy", "Show a policy", "The policy document of one VNID.", {vnid}, show_policy),
      row("show-capacity", "Show capacity", "What the device can grant, and what is granted.", {},
          show_capacity, true),
      row("explain", "Explain a packet", "Whether a packet of a VM passes, and which rule decides.",
          {vnid,
           vm,
           direction,
           {"ethertype", "text-single", "Ethertype: ipv4, ipv6, arp or 0x0600 and above"},
           {"protocol", "text-single", "Protocol: tcp, udp, icmp, icmpv6, sctp or a number"},
           {"source", "text-single", "Source address"},
           {"destination", "text-single", "Destination address"},
           {"source-port", "text-single", "Source port"},
           {"destination-port", "text-single", "Destination port"},
           {"icmp-type", "text-single", "ICMP type"},
           {"established", "boolean", "TCP segment of an existing connection", {"false"}}},
          explain_packet),
      row("resync", "Resync",
          "Compares what the datapath enforces with what the device has acknowledged, repairs "
          "it, and lists what was repaired.",
          {}, resync, true),
  };
}

}  // namespace tenet::device
