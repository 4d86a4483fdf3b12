#include "server-agent/sources/operators/commands.h"

#include "common/command/vnid_filter.h"
#include "common/core/shadow.h"
#include "server-agent/sources/operators/input.h"
#include "server-agent/sources/operators/views.h"

namespace tenet::server {
namespace {

using command::Input;
using command::Output;
using command::Permission;
using command::Severity;

using Read = Result<Command> (*)(const Input&);
using View = Result<Output> (*)(const ServerCore&, const Input&);

// What is odd about a policy that came with the command. It is no reason to refuse the command.
std::vector<std::string> policy_warnings(const Command& command) {
  PolicyPtr policy;
  if (const auto* create = std::get_if<CreateNetwork>(&command)) policy = create->policy;
  if (const auto* change = std::get_if<ChangePolicy>(&command)) policy = change->policy;
  if (const auto* activate = std::get_if<ActivateVm>(&command)) policy = activate->policy;
  if (const auto* migrate = std::get_if<MigrateIn>(&command)) policy = migrate->policy;
  return policy ? shadow_warnings(*policy) : std::vector<std::string>{};
}

// A row that runs a command of the core, and answers when the devices have.
command::Command action(command::Command row, Read read, const SubmitCommand& submit) {
  row.permission = Permission::operate;
  row.run = [submit, read, name = row.name, title = row.title](const Input& in,
                                                               const command::Done& done) {
    auto command = read(in);
    if (!command) {
      done(fail(command.error()));
      return;
    }
    auto warnings = policy_warnings(*command);
    submit(*std::move(command), name + " by " + in.from().text(),
           [done, title, warnings = std::move(warnings)](const CommandResult& result) {
             if (result.error) {
               done(fail(*result.error));
               return;
             }
             Output output = receipt_view(title, result);
             for (const std::string& text : warnings) {
               output.notes.push_back({Severity::warning, text});
             }
             done(std::move(output));
           });
  };
  return row;
}

command::Command listing(command::Command row, View view, const ServerCore& core) {
  row.permission = Permission::view;
  row.listing = true;
  row.run = [&core, view](const Input& in, const command::Done& done) { done(view(core, in)); };
  return row;
}

}  // namespace

std::vector<command::Command> operator_commands(const ServerCore& core,
                                                const SubmitCommand& submit) {
  const command::Field port = text_field("port", "Port of the device (empty: unknown)");
  const command::Field ip = text_field("ip", "IPv4 and IPv6 addresses, with spaces between");
  return {
      action({.name = "create-network",
              .title = "Create a network",
              .summary = "Sends the policy of a new VNID to its devices, once.",
              .fields = {policy_field(true), devices_field("all")}},
             read_create_network, submit),
      action(
          {.name = "change-policy",
           .title = "Change a policy",
           .summary = "Replaces the policy of a VNID, once per device, whatever the number of VMs.",
           .fields = {policy_field(true)}},
          read_change_policy, submit),
      action({.name = "delete-network",
              .title = "Delete a network",
              .summary = "Forgets a network that has no VMs.",
              .fields = {vnid_field()}},
             read_delete_network, submit),
      action({.name = "create-vm",
              .title = "Create a VM",
              .summary = "Associates, or pre-associates, a VM with its network.",
              .fields = {vnid_field(), vm_field(),
                         text_field("mac", "MAC, like 52:54:00:12:34:56", true), ip, port,
                         devices_field("those of the network"), state_field(), reserve_field()}},
             read_create_vm, submit),
      action({.name = "activate-vm",
              .title = "Activate a VM",
              .summary = "Associates a pre-associated VM; a newer policy may come along.",
              .fields = {vnid_field(), vm_field(), policy_field(false)}},
             read_activate_vm, submit),
      action({.name = "remove-vm",
              .title = "Remove a VM",
              .summary = "Dissociates a VM; with the last one the policy is withdrawn.",
              .fields = {vnid_field(), vm_field()}},
             read_remove_vm, submit),
      action({.name = "migrate-out",
              .title = "Migrate a VM out",
              .summary = "First half of a migration: the VM leaves this server.",
              .fields = {vnid_field(), vm_field()}},
             read_remove_vm, submit),
      action(
          {.name = "migrate-in",
           .title = "Migrate a VM in",
           .summary = "Second half of a migration: the VM comes to this server.",
           .fields = {vnid_field(), vm_field(),
                      text_field("mac", "MAC (empty: as the source says)"), ip, port,
                      devices_field("those of the network, or all"), state_field(), reserve_field(),
                      text_field("from", "JID of the server agent that the VM leaves"),
                      policy_field(false)}},
          read_migrate_in, submit),
      action(
          {.name = "resync",
           .title = "Compare with the devices",
           .summary = "Compares digests with the devices and sends what differs; refused is tried "
                      "again.",
           .fields = {devices_field("all")}},
          read_resync, submit),
      listing({.name = "list-networks",
               .title = "List networks",
               .summary = "The networks, and how far each device has them.",
               .fields = {command::vnid_filter()}},
              network_view, core),
      listing({.name = "list-vms",
               .title = "List VMs",
               .summary = "The VMs, and how far each device has them.",
               .fields = {command::vnid_filter()}},
              vm_view, core),
      listing({.name = "list-devices",
               .title = "List devices",
               .summary = "The device agents, and the state of the conversation with each."},
              device_view, core),
  };
}

}  // namespace tenet::server
