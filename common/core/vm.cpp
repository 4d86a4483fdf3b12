#include "common/core/vm.h"

#include <algorithm>

#include "common/core/text.h"

namespace tenet {

std::string_view state_name(VmState state) {
  return state == VmState::associated ? "associated" : "pre-associated";
}

Result<Vm> make_vm(Vm vm) {
  if (!is_identifier(vm.id, 64)) {
    return fail(Code::invalid,
                "'" + vm.id +
                    "' cannot name a VM: write 1 to 64 of the characters A-Z a-z 0-9 . _ : / -, "
                    "beginning with a letter or digit",
                {.entry = "vm " + vm.id});
  }
  if (!vm.port.empty() && !is_identifier(vm.port.str(), 64)) {
    return fail(Code::invalid,
                "'" + vm.port.str() +
                    "' cannot name a port: write 1 to 64 of the characters A-Z a-z 0-9 . _ : / -, "
                    "beginning with a letter or digit",
                {.entry = "port " + vm.port.str()});
  }
  for (const IpAddress& address : vm.addresses) {
    if (address.is_multicast() || address.is_unspecified()) {
      return fail(Code::invalid, address.text() + " cannot be the address of a VM",
                  {.entry = "ip " + address.text()});
    }
  }
  std::sort(vm.addresses.begin(), vm.addresses.end());
  vm.addresses.erase(std::unique(vm.addresses.begin(), vm.addresses.end()), vm.addresses.end());
  if (vm.addresses.size() > 16) {
    return fail(Code::invalid, "VM " + vm.id + " has more than 16 addresses",
                {.entry = "vm " + vm.id});
  }
  if (vm.state == VmState::associated) vm.reserve = false;
  return vm;
}

Result<std::vector<IpAddress>> parse_addresses(std::string_view text) {
  std::vector<IpAddress> out;
  for (const std::string_view word : split_words(text)) {
    for (const std::string_view piece : split(word, ',')) {
      if (piece.empty()) continue;
      auto address = IpAddress::parse(piece);
      if (!address) return fail(address.error());
      out.push_back(*address);
    }
  }
  return out;
}

std::string addresses_text(const Vm& vm) {
  std::string out;
  for (const IpAddress& address : vm.addresses) {
    if (!out.empty()) out += ' ';
    out += address.text();
  }
  return out;
}

}  // namespace tenet
