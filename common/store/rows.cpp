#include "common/store/rows.h"

#include "common/protocol/codec.h"
#include "common/protocol/xml_text.h"

namespace tenet::store {

Vnid vnid_column(const Statement& row, int column) {
  const std::int64_t number = row.integer(column);
  if (number < 0 || number / 256 > Vnid::kMaxId) {
    throw DamageError("a row holds the VNID " + std::to_string(number) + ", which is out of range");
  }
  return Vnid(static_cast<std::uint32_t>(number / 256), static_cast<std::uint8_t>(number % 256));
}

void bind_vm(Statement& statement, int first, const Vm& vm) {
  statement.bind(first, vm.mac.text());
  statement.bind(first + 1, addresses_text(vm));
  statement.bind(first + 2, vm.port.str());
  statement.bind(first + 3, std::int64_t(vm.state == VmState::associated));
  statement.bind(first + 4, std::int64_t(vm.reserve));
}

VmPtr read_vm(const Statement& row, VmId id, int first) {
  const auto mac = Mac::parse(row.text(first));
  auto addresses = parse_addresses(row.text(first + 1));
  if (!mac || !addresses) throw DamageError("the row of VM " + id + " is damaged");
  Vm vm{std::move(id), *mac};
  vm.addresses = *std::move(addresses);
  vm.port = row.text(first + 2);
  vm.state = row.integer(first + 3) != 0 ? VmState::associated : VmState::pre_associated;
  vm.reserve = row.integer(first + 4) != 0;
  auto made = make_vm(std::move(vm));
  if (!made) throw DamageError("a row is damaged: " + made.error().text);
  return std::make_shared<const Vm>(*std::move(made));
}

PolicyPtr read_policy(const Statement& row, int column) {
  auto policy = protocol::parse_policy(row.text(column));
  if (!policy) throw DamageError("the row of a policy is damaged: " + policy.error().text);
  return *policy;
}

std::string policy_column(const Policy& policy) {
  return protocol::format_xml(policy.format(), protocol::XmlLayout::one_line);
}

}  // namespace tenet::store
