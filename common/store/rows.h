// How values of the core stand in columns. Used by the stores of both agents.
#pragma once

#include <bit>
#include <cstdint>

#include "common/core/policy.h"
#include "common/core/vm.h"
#include "common/store/database.h"

namespace tenet::store {

// The columns of a VM behind its id: mac, addresses, port, associated, reserve, in this order.
inline constexpr int kVmColumnCount = 5;

inline std::int64_t to_column(std::uint64_t value) {
  return std::bit_cast<std::int64_t>(value);
}
inline std::uint64_t from_column(std::int64_t value) {
  return std::bit_cast<std::uint64_t>(value);
}
inline std::int64_t to_column(Vnid vnid) {
  return std::int64_t(vnid.id()) * 256 + vnid.version();
}
// Throws DamageError for a number that is no VNID.
Vnid vnid_column(const Statement& row, int column);

void bind_vm(Statement& statement, int first, const Vm& vm);
// Throws DamageError for a row that no program of ours wrote.
VmPtr read_vm(const Statement& row, VmId id, int first);

// A policy document as text. Throws DamageError if it is malformed.
PolicyPtr read_policy(const Statement& row, int column);
std::string policy_column(const Policy& policy);

}  // namespace tenet::store
