#include "server-agent/sources/operators.h"

#include <algorithm>

#include "common/core/shadow.h"
#include "common/core/text.h"
#include "common/protocol/codec.h"

namespace tenet::server {
namespace {

using protocol::FormField;
using xmpp::CommandDone;
using xmpp::CommandInput;
using xmpp::CommandOutput;
using Note = std::pair<std::string, std::string>;  // type and text

constexpr std::size_t kMostNotes = 50;  // about devices, in one answer

// ---- fields ----------------------------------------------------------------------------------

FormField required(std::string var, std::string label, std::string type = "text-single") {
  return {std::move(var), std::move(type), std::move(label), {}, {}, true};
}

FormField optional(std::string var, std::string label, std::string type = "text-single") {
  return {std::move(var), std::move(type), std::move(label)};
}

FormField vnid_field() {
  return required("vnid", "VNID, like 4096 or 4096.2");
}
FormField vm_field() {
  return required("vm", "VM");
}
FormField policy_field(bool is_required) {
  FormField out{"policy", "text-multi", "Policy document (XML)"};
  out.required = is_required;
  return out;
}
FormField devices_field(std::string what) {
  return optional("devices", "Devices, JIDs one per line (empty: " + std::move(what) + ")",
                  "text-multi");
}
FormField state_field(const std::string& value) {
  return {"state", "list-single", "State", {value}, {"associated", "pre-associated"}};
}
FormField reserve_field() {
  return {"reserve", "boolean", "Reserve resources while pre-associated", {"false"}};
}
FormField vnid_filter() {
  return optional("vnid", "VNID (empty: all)");
}

// ---- input -----------------------------------------------------------------------------------

// A device by its JID, with the default resource if there is none.
Result<std::set<DeviceName>> read_devices(const CommandInput& in) {
  std::set<DeviceName> out;
  for (const std::string& word : in.words("devices")) {
    auto jid = Jid::parse(word);
    if (!jid) return fail(jid.error());
    out.insert(jid->is_bare() ? jid->with_resource("device-agent") : *jid);
  }
  return out;
}

Result<PolicyPtr> read_optional_policy(const CommandInput& in) {
  const std::string text = in.lines("policy");
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return PolicyPtr{};
  return protocol::parse_policy(text);
}

Result<bool> read_flag(const CommandInput& in, std::string_view field) {
  if (!in.has(field)) return false;
  const auto value = parse_boolean(in.text(field));
  if (!value) {
    return fail(Code::invalid,
                std::string(field) + " is '" + in.text(field) + "'; write true or false",
                {.entry = std::string(field)});
  }
  return *value;
}

VmState read_state(const CommandInput& in) {
  return in.text("state") == "pre-associated" ? VmState::pre_associated : VmState::associated;
}

Result<Command> read_create_network(const CommandInput& in) {
  auto policy = protocol::parse_policy(in.lines("policy"));
  if (!policy) return fail(policy.error());
  auto devices = read_devices(in);
  if (!devices) return fail(devices.error());
  return CreateNetwork{*policy, *devices};
}

Result<Command> read_change_policy(const CommandInput& in) {
  auto policy = protocol::parse_policy(in.lines("policy"));
  if (!policy) return fail(policy.error());
  return ChangePolicy{*policy};
}

Result<Command> read_delete_network(const CommandInput& in) {
  auto vnid = Vnid::parse(in.text("vnid"));
  if (!vnid) return fail(vnid.error());
  return DeleteNetwork{*vnid};
}

Result<Command> read_create_vm(const CommandInput& in) {
  auto vnid = Vnid::parse(in.text("vnid"));
  if (!vnid) return fail(vnid.error());
  auto mac = Mac::parse(in.text("mac"));
  if (!mac) return fail(mac.error());
  auto addresses = parse_addresses(in.text("ip"));
  if (!addresses) return fail(addresses.error());
  auto devices = read_devices(in);
  if (!devices) return fail(devices.error());
  auto reserve = read_flag(in, "reserve");
  if (!reserve) return fail(reserve.error());
  return CreateVm{*vnid,
                  {in.text("vm"), *mac, read_state(in), *reserve, *addresses, in.text("port")},
                  *devices};
}

Result<Command> read_activate_vm(const CommandInput& in) {
  auto vnid = Vnid::parse(in.text("vnid"));
  if (!vnid) return fail(vnid.error());
  auto policy = read_optional_policy(in);
  if (!policy) return fail(policy.error());
  return ActivateVm{*vnid, in.text("vm"), *policy};
}

Result<Command> read_remove_vm(const CommandInput& in) {
  auto vnid = Vnid::parse(in.text("vnid"));
  if (!vnid) return fail(vnid.error());
  return RemoveVm{*vnid, in.text("vm")};
}

Result<Command> read_migrate_in(const CommandInput& in) {
  MigrateIn out;
  auto vnid = Vnid::parse(in.text("vnid"));
  if (!vnid) return fail(vnid.error());
  out.vnid = *vnid;
  out.vm = in.text("vm");
  if (in.has("mac")) {
    auto mac = Mac::parse(in.text("mac"));
    if (!mac) return fail(mac.error());
    out.mac = *mac;
  }
  auto addresses = parse_addresses(in.text("ip"));
  if (!addresses) return fail(addresses.error());
  out.addresses = *addresses;
  out.port = in.text("port");
  auto devices = read_devices(in);
  if (!devices) return fail(devices.error());
  out.devices = *devices;
  out.state = read_state(in);
  auto reserve = read_flag(in, "reserve");
  if (!reserve) return fail(reserve.error());
  out.reserve = *reserve;
  if (in.has("from")) {
    auto from = Jid::parse(in.text("from"));
    if (!from) return fail(from.error());
    out.from = from->is_bare() ? from->with_resource("server-agent") : *from;
  }
  auto policy = read_optional_policy(in);
  if (!policy) return fail(policy.error());
  out.policy = *policy;
  return out;
}

Result<Command> read_resync(const CommandInput& in) {
  auto devices = read_devices(in);
  if (!devices) return fail(devices.error());
  return Resync{*devices};
}

// ---- output ----------------------------------------------------------------------------------

std::string detail(const std::optional<Error>& error) {
  return error ? describe(*error) : std::string();
}

// What is odd about a policy that came with the command. It is no reason to refuse it.
std::vector<std::string> policy_warnings(const Command& command) {
  PolicyPtr policy;
  if (const auto* create = std::get_if<CreateNetwork>(&command)) policy = create->policy;
  if (const auto* change = std::get_if<ChangePolicy>(&command)) policy = change->policy;
  if (const auto* activate = std::get_if<ActivateVm>(&command)) policy = activate->policy;
  if (const auto* migrate = std::get_if<MigrateIn>(&command)) policy = migrate->policy;
  return policy ? shadow_warnings(*policy) : std::vector<std::string>{};
}

// What it is not enforced for, or nothing.
std::optional<Note> note_of(const Receipt& r) {
  switch (r.delivery) {
    case Delivery::enforced:
      return std::nullopt;
    case Delivery::refused:
      return Note{"error", r.device.text() + " refused " + r.object + ": " + detail(r.error)};
    case Delivery::superseded:
      return Note{"warn", r.object + " was changed by a later command"};
    default:
      return Note{"warn", r.device.text() + ": " + r.object + " is " +
                              std::string(delivery_name(r.delivery)) +
                              "; it is delivered as soon as the device answers" +
                              (r.error ? " (" + detail(r.error) + ")" : "")};
  }
}

// What became of a command, device by device. What needs attention comes first, since an answer has
// no room for the rows and notes of thousands of devices.
CommandOutput receipt_output(const std::string& title, CommandResult result) {
  CommandOutput out{title, {"device", "object", "state", "detail"}};
  const auto attention = [](const Receipt& r) {
    return r.delivery == Delivery::refused ? 0 : r.delivery == Delivery::enforced ? 2 : 1;
  };
  std::stable_sort(result.receipts.begin(), result.receipts.end(),
                   [&](const Receipt& a, const Receipt& b) { return attention(a) < attention(b); });
  std::size_t enforced = 0;
  std::size_t untold = 0;
  for (const Receipt& r : result.receipts) {
    out.rows.push_back(
        {r.device.text(), r.object, std::string(delivery_name(r.delivery)), detail(r.error)});
    if (r.delivery == Delivery::enforced) ++enforced;
    auto note = note_of(r);
    if (note && out.notes.size() < kMostNotes) {
      out.notes.push_back(*std::move(note));
    } else if (note) {
      ++untold;
    }
  }
  if (untold > 0) {
    out.notes.emplace_back("warn", counted(untold, "more device") + " without it");
  }
  if (result.taken_back) {
    out.notes.emplace_back("error", "every device refused it: the change is taken back");
  } else if (enforced == result.receipts.size()) {
    out.notes.emplace_back("info", result.receipts.empty() ? "done; no device is concerned"
                                                           : "done: durable and enforced on " +
                                                                 counted(enforced, "device"));
  }
  return out;
}

Result<std::optional<Vnid>> read_filter(const CommandInput& in) {
  if (!in.has("vnid")) return std::nullopt;
  auto vnid = Vnid::parse(in.text("vnid"));
  if (!vnid) return fail(vnid.error());
  return *vnid;
}

// A device that the configuration no longer names has no link.
std::optional<Enforcement> enforcement_on(const ServerCore& core, const DeviceName& device,
                                          Vnid vnid) {
  const auto link = core.links().find(device);
  return link == core.links().end() ? std::nullopt : link->second.enforcement(vnid);
}

Result<CommandOutput> list_networks(const ServerCore& core, const CommandInput& in) {
  const auto filter = read_filter(in);
  if (!filter) return fail(filter.error());
  CommandOutput out{"Networks",
                    {"vnid", "revision", "vms", "device", "state", "enforced", "since", "detail"}};
  for (const auto& [vnid, network] : core.desired().networks()) {
    if (*filter && **filter != vnid) continue;
    const std::vector<std::string> head{vnid.text(), std::to_string(network.policy->revision()),
                                        std::to_string(network.vms.size())};
    const auto row = [&](const std::string& device, std::string_view state,
                         const std::optional<Enforcement>& enforced, std::string why) {
      std::vector<std::string> cells = head;
      cells.insert(cells.end(), {device, std::string(state),
                                 enforced ? std::to_string(enforced->stamp.revision) : "",
                                 enforced ? utc_text(enforced->since) : "", std::move(why)});
      out.rows.push_back(std::move(cells));
    };
    const std::vector<Receipt> receipts = core.receipts(vnid, {});
    for (const Receipt& r : receipts) {
      row(r.device.text(), delivery_name(r.delivery), enforcement_on(core, r.device, vnid),
          detail(r.error));
    }
    if (receipts.empty()) row("", "defined", std::nullopt, "no device has it: it has no VM");
  }
  return out;
}

Result<CommandOutput> list_vms(const ServerCore& core, const CommandInput& in) {
  const auto filter = read_filter(in);
  if (!filter) return fail(filter.error());
  CommandOutput out{"VMs",
                    {"vnid", "vm", "mac", "ip", "port", "state", "device", "delivery", "detail"}};
  for (const auto& [vnid, network] : core.desired().networks()) {
    if (*filter && **filter != vnid) continue;
    for (const PlacedVm& placed : network.vms) {
      const Vm& vm = *placed.vm;
      for (const Receipt& r : core.receipts(vnid, vm.id)) {
        out.rows.push_back({vnid.text(), vm.id, vm.mac.text(), addresses_text(vm), vm.port,
                            std::string(state_name(vm.state)), r.device.text(),
                            std::string(delivery_name(r.delivery)), detail(r.error)});
      }
    }
  }
  return out;
}

Result<CommandOutput> list_devices(const ServerCore& core, const CommandInput&) {
  CommandOutput out{"Devices",
                    {"device", "state", "networks", "vms", "pending", "refused", "detail"}};
  for (const auto& [device, link] : core.links()) {
    std::size_t vms = 0;
    for (const auto& [vnid, network] : link.acknowledged()) vms += network.vms.size();
    out.rows.push_back({device.text(), std::string(link.state()),
                        std::to_string(link.acknowledged().size()), std::to_string(vms),
                        std::to_string(link.pending()), std::to_string(link.refused()),
                        detail(link.error())});
  }
  return out;
}

}  // namespace

std::vector<xmpp::AdhocCommand> server_commands(const ServerCore& core, SubmitCommand submit) {
  using Read = Result<Command> (*)(const CommandInput&);
  using List = Result<CommandOutput> (*)(const ServerCore&, const CommandInput&);
  const auto action = [&submit](const std::string& node, const std::string& name,
                                std::string summary, std::vector<FormField> fields, Read read) {
    return xmpp::AdhocCommand{
        node, name, std::move(summary), std::move(fields),
        [submit, read, node, name](const CommandInput& in, const CommandDone& done) {
          auto command = read(in);
          if (!command) {
            done(fail(command.error()));
            return;
          }
          auto warnings = policy_warnings(*command);
          submit(*std::move(command), node + " by " + in.from().text(),
                 [done, name, warnings = std::move(warnings)](const CommandResult& result) {
                   if (result.error) {
                     done(fail(*result.error));
                     return;
                   }
                   CommandOutput output = receipt_output(name, result);
                   for (const std::string& text : warnings) output.notes.emplace_back("warn", text);
                   done(std::move(output));
                 });
        }};
  };
  const auto list = [&core](std::string node, std::string name, std::string summary,
                            std::vector<FormField> fields, List function) {
    return xmpp::AdhocCommand{std::move(node),
                              std::move(name),
                              std::move(summary),
                              std::move(fields),
                              [&core, function](const CommandInput& in, const CommandDone& done) {
                                done(function(core, in));
                              },
                              true};
  };
  const FormField port = optional("port", "Port of the device (empty: unknown)");
  const FormField ip = optional("ip", "IPv4 and IPv6 addresses, with spaces between");
  return {
      action("create-network", "Create a network",
             "Sends the policy of a new VNID to its devices, once.",
             {policy_field(true), devices_field("all")}, read_create_network),
      action("change-policy", "Change a policy",
             "Replaces the policy of a VNID, once per device, whatever the number of VMs.",
             {policy_field(true)}, read_change_policy),
      action("delete-network", "Delete a network", "Forgets a network that has no VMs.",
             {vnid_field()}, read_delete_network),
      action("create-vm", "Create a VM", "Associates, or pre-associates, a VM with its network.",
             {vnid_field(), vm_field(), required("mac", "MAC, like 52:54:00:12:34:56"), ip, port,
              devices_field("those of the network"), state_field("associated"), reserve_field()},
             read_create_vm),
      action("activate-vm", "Activate a VM",
             "Associates a pre-associated VM; a newer policy may come along.",
             {vnid_field(), vm_field(), policy_field(false)}, read_activate_vm),
      action("remove-vm", "Remove a VM",
             "Dissociates a VM; with the last one the policy is withdrawn.",
             {vnid_field(), vm_field()}, read_remove_vm),
      action("migrate-out", "Migrate a VM out",
             "First half of a migration: the VM leaves this server.", {vnid_field(), vm_field()},
             read_remove_vm),
      action("migrate-in", "Migrate a VM in",
             "Second half of a migration: the VM comes to this server.",
             {vnid_field(), vm_field(), optional("mac", "MAC (empty: as the source says)"), ip,
              port, devices_field("those of the network, or all"), state_field("associated"),
              reserve_field(), optional("from", "JID of the server agent that the VM leaves"),
              policy_field(false)},
             read_migrate_in),
      action("resync", "Compare with the devices",
             "Compares digests with the devices and sends what differs; refused is tried again.",
             {devices_field("all")}, read_resync),
      list("list-networks", "List networks", "The networks, and how far each device has them.",
           {vnid_filter()}, list_networks),
      list("list-vms", "List VMs", "The VMs, and how far each device has them.", {vnid_filter()},
           list_vms),
      list("list-devices", "List devices", "The device agents, and how the conversation stands.",
           {}, list_devices),
  };
}

}  // namespace tenet::server
