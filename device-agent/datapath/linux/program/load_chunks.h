// What the bridge table holds of networks and VMs, in parts that the kernel can take one after the
// other: networks, and then VMs one by one with their ports, as associations would have brought
// them.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "common/core/vnid.h"
#include "device-agent/datapath/driver.h"
#include "device-agent/datapath/linux/program/port_map.h"
#include "device-agent/datapath/linux/program/table.h"

namespace tenet::device::nft {

// Rules and elements that come with the tables themselves, if there is nothing of ours. What is
// more comes in parts. Until they are there, packets of their VMs at guarded ports end at the
// guards, and those of others pass as if there was no table still.
inline constexpr std::size_t kFirstChunk = 4096;

class LoadChunks {
 public:
  // Of `wanted`, which outlives this, and whose layout that is.
  LoadChunks(const DatapathState& wanted, const PortMap& port_map);

  bool done() const;
  // At least so many rules and elements, or all that is left.
  Table next(std::size_t least);

 private:
  const DatapathState& wanted_;
  std::map<std::string, Vnid> ports_;  // still to come, with the first VM that names them
  std::map<Vnid, std::vector<Intent>>::const_iterator network_;
  std::map<MemberKey, VmPtr>::const_iterator member_;
};

}  // namespace tenet::device::nft
