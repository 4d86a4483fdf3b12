#include "device-agent/datapath/linux/program/load_chunks.h"

#include <utility>

#include "device-agent/datapath/linux/program/program.h"

namespace tenet::device::nft {

LoadChunks::LoadChunks(const DatapathState& wanted, const PortMap& port_map)
    : wanted_(wanted),
      ports_(port_map.ports()),
      network_(wanted.networks.begin()),
      member_(wanted.members.begin()) {}

bool LoadChunks::done() const {
  return network_ == wanted_.networks.end() && member_ == wanted_.members.end();
}

Table LoadChunks::next(std::size_t min_size) {
  Table out;
  std::size_t size = 0;
  const auto add = [&](Table part) {
    size += rule_count(part) + element_count(part);
    out.add(std::move(part));
  };
  while (size < min_size && network_ != wanted_.networks.end()) {
    add(network_part(network_->first, network_->second));
    ++network_;
  }
  while (size < min_size && member_ != wanted_.members.end()) {
    const auto& [key, vm] = *member_;
    add(member_part(key.vnid, *vm));
    if (const auto port = ports_.extract(vm->port.str())) add(port_part(port.mapped(), port.key()));
    ++member_;
  }
  return out;
}

}  // namespace tenet::device::nft
