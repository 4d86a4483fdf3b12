// Links of the kernel, by rtnetlink: bridges, VXLAN devices, and which port is in which bridge.
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

// Every tenant's bridge, and what it has in common with what the kernel says.
struct BridgeLink {
  bool snooping = false;  // and, with it, a querier
  bool operator==(const BridgeLink&) const = default;
};

struct VxlanLink {
  std::uint32_t vni = 0;
  std::optional<IpAddress> group;
  std::uint32_t underlay = 0;  // index
  std::uint16_t port = 4789;   // UDP (RFC 7348)
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

// A message about a link. Nothing if it is about something else.
std::optional<Link> parse_link(const nlmsghdr* message);
Result<Links> read_links(NetlinkSocket& socket);
// Nothing if there is no such link. Errors: io.
Result<std::optional<Link>> read_link(NetlinkSocket& socket, const std::string& name);
Result<std::optional<Link>> read_link(NetlinkSocket& socket, std::uint32_t index);

}  // namespace tenet::device
