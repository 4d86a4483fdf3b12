// A virtual machine as a device sees it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/address.h"
#include "common/core/compact_string.h"
#include "common/core/error.h"

namespace tenet {

// 1 to 64 characters of [A-Za-z0-9._:/-], beginning with a letter or digit; unique in its VNID.
using VmId = std::string;

// EP 2728470, step 104: pre-associated means that the mapping exists but is disabled.
enum class VmState : std::uint8_t { pre_associated, associated };
std::string_view state_name(VmState state);

// There are very many of them: small fields stand together, which saves padding.
struct Vm {
  VmId id;
  Mac mac;
  VmState state = VmState::associated;
  // Pre-associate with resource reservation (VDP TLV type 0x02): counts against the capacity
  // already while pre-associated. Always false once associated, which counts by itself.
  bool reserve = false;
  std::vector<IpAddress> addresses = {};  // sorted, unique, none of them multicast
  CompactString port = {};                // the device's port; empty: the device learns it

  bool operator==(const Vm&) const = default;
  // Whether this VM counts against the device's capacity.
  bool holds_resources() const { return state == VmState::associated || reserve; }
};

// Shared between desired and acknowledged state, so that what is equal is stored once.
using VmPtr = std::shared_ptr<const Vm>;
// Whether both are equal by value, or both are nullptr.
inline bool same(const VmPtr& a, const VmPtr& b) {
  return a == b || (a && b && *a == *b);
}

// Checks the identifiers and brings the addresses into order. Errors: invalid, naming the field.
Result<Vm> make_vm(Vm vm);
// The addresses in a list with white space or commas between them.
Result<std::vector<IpAddress>> parse_addresses(std::string_view text);
std::string addresses_text(const Vm& vm);  // with single spaces

}  // namespace tenet
