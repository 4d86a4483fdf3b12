#include "server-agent/sources/operators/input.h"

#include "common/core/text.h"
#include "common/protocol/codec.h"
#include "common/xmpp/jid.h"

namespace tenet::server {

using command::Field;
using command::FieldType;

Field text_field(std::string name, std::string label, bool required) {
  return {.name = std::move(name), .label = std::move(label), .required = required};
}

Field vnid_field() {
  return text_field("vnid", "VNID, like 4096 or 4096.2", true);
}
Field vm_field() {
  return text_field("vm", "VM", true);
}
Field policy_field(bool required) {
  return {.name = "policy",
          .type = FieldType::lines,
          .label = "Policy document (XML)",
          .required = required};
}
Field devices_field(const std::string& default_devices) {
  return {.name = "devices",
          .type = FieldType::lines,
          .label = "Devices, JIDs one per line (empty: " + default_devices + ")"};
}
Field state_field() {
  return {.name = "state",
          .type = FieldType::choice,
          .label = "State",
          .value = "associated",
          .options = {"associated", "pre-associated"}};
}
Field reserve_field() {
  return {.name = "reserve",
          .type = FieldType::flag,
          .label = "Reserve resources while pre-associated",
          .value = "false"};
}

namespace {

// An agent by its JID, with the default resource if there is none.
Result<PeerId> read_agent(std::string_view text, const std::string& resource) {
  return xmpp::Jid::parse(text).map([&](const xmpp::Jid& jid) {
    return peer_id(jid.is_bare() ? jid.with_resource(resource) : jid);
  });
}

Result<std::set<DeviceName>> read_devices(const command::Input& in) {
  std::set<DeviceName> out;
  for (const std::string& word : in.words("devices")) {
    auto device = read_agent(word, "device-agent");
    if (!device) return fail(device.error());
    out.insert(*device);
  }
  return out;
}

Result<PolicyPtr> read_optional_policy(const command::Input& in) {
  const std::string text = in.lines("policy");
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return PolicyPtr{};
  return protocol::parse_policy(text);
}

Result<bool> read_flag(const command::Input& in, std::string_view field) {
  if (!in.has(field)) return false;
  const auto value = parse_boolean(in.text(field));
  if (!value) {
    return fail(Code::invalid,
                std::string(field) + " is '" + in.text(field) + "'; write true or false",
                {.entry = std::string(field)});
  }
  return *value;
}

VmState read_state(const command::Input& in) {
  return in.text("state") == "pre-associated" ? VmState::pre_associated : VmState::associated;
}

}  // namespace

Result<Command> read_create_network(const command::Input& in) {
  auto policy = protocol::parse_policy(in.lines("policy"));
  if (!policy) return fail(policy.error());
  auto devices = read_devices(in);
  if (!devices) return fail(devices.error());
  return CreateNetwork{*policy, *devices};
}

Result<Command> read_change_policy(const command::Input& in) {
  auto policy = protocol::parse_policy(in.lines("policy"));
  if (!policy) return fail(policy.error());
  return ChangePolicy{*policy};
}

Result<Command> read_delete_network(const command::Input& in) {
  auto vnid = Vnid::parse(in.text("vnid"));
  if (!vnid) return fail(vnid.error());
  return DeleteNetwork{*vnid};
}

Result<Command> read_create_vm(const command::Input& in) {
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

Result<Command> read_activate_vm(const command::Input& in) {
  auto vnid = Vnid::parse(in.text("vnid"));
  if (!vnid) return fail(vnid.error());
  auto policy = read_optional_policy(in);
  if (!policy) return fail(policy.error());
  return ActivateVm{*vnid, in.text("vm"), *policy};
}

Result<Command> read_remove_vm(const command::Input& in) {
  auto vnid = Vnid::parse(in.text("vnid"));
  if (!vnid) return fail(vnid.error());
  return RemoveVm{*vnid, in.text("vm")};
}

Result<Command> read_migrate_in(const command::Input& in) {
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
    auto from = read_agent(in.text("from"), "server-agent");
    if (!from) return fail(from.error());
    out.from = *from;
  }
  auto policy = read_optional_policy(in);
  if (!policy) return fail(policy.error());
  out.policy = *policy;
  return out;
}

Result<Command> read_resync(const command::Input& in) {
  auto devices = read_devices(in);
  if (!devices) return fail(devices.error());
  return Resync{*devices};
}

}  // namespace tenet::server
