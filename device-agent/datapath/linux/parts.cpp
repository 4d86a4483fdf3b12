#include "device-agent/datapath/linux/parts.h"

#include <utility>

#include "device-agent/datapath/linux/program.h"

namespace tenet::device::nft {
namespace {

std::size_t size_of(const Table& table) {
  std::size_t out = 0;
  for (const auto& [name, chain] : table.chains) out += chain.rules.size();
  for (const auto& [set, elements] : table.elements) out += elements.size();
  return out;
}

}  // namespace

Parts::Parts(const DatapathState& wanted, const Layout& layout)
    : wanted_(wanted),
      ports_(layout.ports()),
      network_(wanted.networks.begin()),
      member_(wanted.members.begin()),
      port_(ports_.begin()) {}

bool Parts::done() const {
  return network_ == wanted_.networks.end() && member_ == wanted_.members.end() &&
         port_ == ports_.end();
}

Table Parts::next(std::size_t least) {
  Table out;
  std::size_t size = 0;
  const auto add = [&](Table part) {
    size += size_of(part);
    out.add(std::move(part));
  };
  while (size < least && network_ != wanted_.networks.end()) {
    add(network_part(network_->first, network_->second));
    ++network_;
  }
  while (size < least && member_ != wanted_.members.end()) {
    add(member_part(member_->first.vnid, *member_->second));
    ++member_;
  }
  while (size < least && port_ != ports_.end()) {
    add(port_part(port_->second, port_->first));
    ++port_;
  }
  return out;
}

}  // namespace tenet::device::nft
