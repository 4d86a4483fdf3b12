// Operators' commands: the fields that they ask for, and what was entered as a command of the core.
#pragma once

#include <optional>
#include <string>

#include "common/command/command.h"
#include "server-agent/core/command.h"

namespace tenet::server {

// Fields that several commands have.
command::Field vnid_field();
command::Field vm_field();
command::Field policy_field(bool required);
command::Field devices_field(const std::string& default_devices);
command::Field state_field();
command::Field reserve_field();
command::Field text_field(std::string name, std::string label, bool required = false);

// Errors: invalid, naming the field or what is wrong in the policy.
Result<Command> read_create_network(const command::Input& in);
Result<Command> read_change_policy(const command::Input& in);
Result<Command> read_delete_network(const command::Input& in);
Result<Command> read_create_vm(const command::Input& in);
Result<Command> read_activate_vm(const command::Input& in);
Result<Command> read_remove_vm(const command::Input& in);
Result<Command> read_migrate_in(const command::Input& in);
Result<Command> read_resync(const command::Input& in);

}  // namespace tenet::server
