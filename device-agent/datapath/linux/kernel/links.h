// Links of the kernel, read by rtnetlink: bridges, VXLAN devices, and the bridge of each port.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/core/address.h"
#include "common/core/error.h"
#include "device-agent/datapath/linux/kernel/netlink.h"
#include "device-agent/datapath/linux/program/port_names.h"

namespace tenet::device {

// The attributes of a bridge that Tenet sets.
struct BridgeLink {
  bool snooping = false;  // IGMP and MLD snooping, with a querier
  bool operator==(const BridgeLink&) const = default;
};

struct VxlanLink {
  std::uint32_t vni = 0;
  std::optional<IpAddress> group;  // multicast, of the underlay
  std::uint32_t underlay = 0;      // interface index
  std::uint16_t port = 4789;       // UDP (RFC 7348)
  bool operator==(const VxlanLink&) const = default;
};

struct Link {
  std::uint32_t index = 0;
  std::string name;
  std::uint32_t group = 0;
  std::uint32_t master = 0;  // index of its bridge; 0: none
  bool up = false;
  std::optional<BridgeLink> bridge;
  std::optional<VxlanLink> vxlan;
  bool ours() const { return group == nft::kLinkGroup; }
};

using Links = std::map<std::string, Link, std::less<>>;

// A RTM_NEWLINK or RTM_DELLINK message; nothing for another message.
std::optional<Link> parse_link(const nlmsghdr* message);
// By name. Errors: io, busy if links changed meanwhile.
Result<Links> read_links(NetlinkSocket& socket);
// Nothing if the link does not exist. Errors: io.
Result<std::optional<Link>> read_link(NetlinkSocket& socket, const std::string& name);
Result<std::optional<Link>> read_link(NetlinkSocket& socket, std::uint32_t index);

}  // namespace tenet::device
