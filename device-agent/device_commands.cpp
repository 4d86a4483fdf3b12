#include "device-agent/device_commands.h"

#include "common/command/vnid_filter.h"
#include "common/core/attributes.h"
#include "common/core/match_text.h"
#include "common/core/rule_element.h"
#include "common/core/text.h"
#include "common/protocol/codec.h"
#include "device-agent/core/explain.h"

namespace tenet::device {
namespace {

using command::Field;
using command::FieldType;
using command::Input;
using command::Output;
using command::Permission;

Error no_policy(Vnid vnid) {
  return {Code::unknown_vnid,
          "the device has no policy for VNID " + vnid.text(),
          {.entry = "vnid " + vnid.text()}};
}

Result<Output> list_policies(const CommandServices& services, const Input& in) {
  const auto filter = command::read_vnid_filter(in);
  if (!filter) return fail(filter.error());
  Output out{"Policies", {"vnid", "revision", "kinds", "vms", "servers", "enforced"}};
  for (const auto& [vnid, network] : services.core.networks()) {
    if (*filter && **filter != vnid) continue;
    std::vector<std::string> kind_names;
    for (const PolicyEntry& entry : network.policy->entries()) {
      kind_names.emplace_back(kinds()[entry.index()].name);
    }
    const auto lacks = services.core.unenforced().find(vnid);
    std::uint64_t vms = 0;
    for (const ServerName& server : network.claims)
      vms += services.core.view(server).at(vnid).vms.size();
    std::vector<std::string> servers;
    for (const ServerName& server : network.claims) servers.push_back(server.text());
    out.rows.push_back(
        {vnid.text(), network.policy->revision(), join(kind_names, " "), vms, join(servers, " "),
         lacks == services.core.unenforced().end() ? "yes" : "no: " + lacks->second.text});
  }
  return out;
}

Result<Output> list_vms(const CommandServices& services, const Input& in) {
  const auto filter = command::read_vnid_filter(in);
  if (!filter) return fail(filter.error());
  Output out{"VMs", {"vnid", "vm", "mac", "ip", "port", "state", "reserve", "server"}};
  for (const auto& [vnid, network] : services.core.networks()) {
    if (*filter && **filter != vnid) continue;
    for (const ServerName& server : network.claims) {
      const std::string until = "until " + utc_text(services.core.reserved_until(server));
      for (const VmPtr& vm : services.core.view(server).at(vnid).vms) {
        out.rows.push_back({vnid.text(), vm->id, vm->mac.text(), addresses_text(*vm),
                            vm->port.str(), std::string(state_name(vm->state)),
                            vm->reserve ? until : "no", server});
      }
    }
  }
  return out;
}

Result<Output> show_policy(const CommandServices& services, const Input& in) {
  auto vnid = Vnid::parse(in.text("vnid"));
  if (!vnid) return fail(vnid.error());
  const auto network = services.core.networks().find(*vnid);
  if (network == services.core.networks().end()) return fail(no_policy(*vnid));
  Output out{"Policy of VNID " + vnid->text()};
  out.document = protocol::format_policy(*network->second.policy);
  return out;
}

Result<Output> show_capacity(const CommandServices& services, const Input&) {
  Output out{"Capacity", {"capacity", "used", "limit"}};
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
Result<Packet> read_packet(const Input& in, const VmPtr& vm) {
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

Result<Output> explain_packet(const CommandServices& services, const Input& in) {
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
  Output out{"Verdict", {"verdict", "decided-by", "packet"}};
  out.rows.push_back({std::string(action_name(verdict.action)), verdict.decided_by, text(*packet)});
  return out;
}

Result<Output> resync(const CommandServices& services, const Input&) {
  auto repaired = services.resync();
  if (!repaired) return fail(repaired.error());
  Output out{"Repaired", {"repaired"}};
  for (std::string& what : *repaired) out.rows.push_back({std::move(what)});
  return out;
}

}  // namespace

std::vector<command::Command> device_commands(const CommandServices& services) {
  using Function = Result<Output> (*)(const CommandServices&, const Input&);
  const auto row = [&services](command::Command command, Function function) {
    command.run = [services, function](const Input& in, const command::Done& done) {
      done(function(services, in));
    };
    return command;
  };
  const auto text = [](std::string name, std::string label) {
    return Field{.name = std::move(name), .label = std::move(label)};
  };
  const Field vnid{.name = "vnid", .label = "VNID, like 4096 or 4096.2", .required = true};
  const Field vm{.name = "vm", .label = "VM", .required = true};
  const Field direction{.name = "direction",
                        .type = FieldType::choice,
                        .label = "Direction, as the VM sees it",
                        .value = "from-vm",
                        .options = {"from-vm", "to-vm"}};
  const Field established{.name = "established",
                          .type = FieldType::flag,
                          .label = "TCP segment of an existing connection",
                          .value = "false"};
  return {
      row({.name = "list-policies",
           .title = "List policies",
           .summary = "The policies that this device enforces.",
           .permission = Permission::view,
           .fields = {command::vnid_filter()},
           .listing = true},
          list_policies),
      row({.name = "list-vms",
           .title = "List VMs",
           .summary = "The VMs that this device knows.",
           .permission = Permission::view,
           .fields = {command::vnid_filter()},
           .listing = true},
          list_vms),
      row({.name = "show-policy",
           .title = "Show a policy",
           .summary = "The policy document of one VNID.",
           .permission = Permission::view,
           .fields = {vnid}},
          show_policy),
      row({.name = "show-capacity",
           .title = "Show capacity",
           .summary = "What the device can grant, and what is granted.",
           .permission = Permission::view,
           .listing = true},
          show_capacity),
      row({.name = "explain",
           .title = "Explain a packet",
           .summary = "Whether a packet of a VM passes, and which rule decides.",
           .permission = Permission::view,
           .fields = {vnid, vm, direction,
                      text("ethertype", "Ethertype: ipv4, ipv6, arp or 0x0600 and above"),
                      text("protocol", "Protocol: tcp, udp, icmp, icmpv6, sctp or a number"),
                      text("source", "Source address"), text("destination", "Destination address"),
                      text("source-port", "Source port"),
                      text("destination-port", "Destination port"), text("icmp-type", "ICMP type"),
                      established}},
          explain_packet),
      row({.name = "resync",
           .title = "Resync",
           .summary = "Compares what the datapath enforces with what the device has acknowledged, "
                      "repairs it, and lists what was repaired.",
           .permission = Permission::operate,
           .listing = true},
          resync),
  };
}

}  // namespace tenet::device
