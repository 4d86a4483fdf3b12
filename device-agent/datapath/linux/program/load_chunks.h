// The networks and VMs of the bridge table in chunks that the kernel can commit one after the
// other: first networks, then VMs one by one with their ports, as associations would add them.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "common/core/vnid.h"
#include "device-agent/datapath/driver.h"
#include "device-agent/datapath/linux/program/port_map.h"
#include "device-agent/datapath/linux/program/table.h"

namespace tenet::device::nft {

// Rules and elements that are committed together with the tables themselves if the kernel has none
// of them. The rest follows in further chunks. Until a VM's chunk is committed, its frames at a
// guarded port are dropped by the guard; at other ports they pass as if there was no table yet.
inline constexpr std::size_t kFirstChunk = 4096;

class LoadChunks {
 public:
  // `wanted` must outlive this object; `port_map` is the one of `wanted`.
  LoadChunks(const DatapathState& wanted, const PortMap& port_map);

  bool done() const;
  // The next chunk: at least `min_size` rules and elements, or all that remain.
  Table next(std::size_t min_size);

 private:
  const DatapathState& wanted_;
  std::map<std::string, Vnid> ports_;  // not yet loaded; each comes with its first VM
  std::map<Vnid, std::vector<Intent>>::const_iterator network_;
  std::map<MemberKey, VmPtr>::const_iterator member_;
};

}  // namespace tenet::device::nft
