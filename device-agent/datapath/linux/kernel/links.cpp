#include "device-agent/datapath/linux/kernel/links.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace tenet::device {
namespace {

using Attributes = std::array<const nlattr*, 128>;

int collect(const nlattr* attribute, void* data) {
  auto& out = *static_cast<Attributes*>(data);
  const std::uint16_t type = mnl_attr_get_type(attribute);
  if (type < out.size()) out.at(type) = attribute;
  return MNL_CB_OK;
}

Attributes nested(const nlattr* attribute) {
  Attributes out{};
  if (attribute != nullptr) mnl_attr_parse_nested(attribute, collect, &out);
  return out;
}

std::uint32_t number(const nlattr* attribute) {
  if (attribute == nullptr) return 0;
  switch (mnl_attr_get_payload_len(attribute)) {
    case 1:
      return mnl_attr_get_u8(attribute);
    case 2:
      return mnl_attr_get_u16(attribute);
    default:
      return mnl_attr_get_u32(attribute);
  }
}

IpAddress address_in(const nlattr* attribute, Family family) {
  std::array<std::uint8_t, 16> bytes{};
  const auto size = std::min<std::size_t>(mnl_attr_get_payload_len(attribute), bytes.size());
  std::memcpy(bytes.data(), mnl_attr_get_payload(attribute), size);
  return {family, bytes};
}

VxlanLink parse_vxlan(const nlattr* data) {
  const Attributes a = nested(data);
  VxlanLink out;
  out.vni = number(a[IFLA_VXLAN_ID]);
  out.underlay = number(a[IFLA_VXLAN_LINK]);
  if (a[IFLA_VXLAN_GROUP] != nullptr) out.group = address_in(a[IFLA_VXLAN_GROUP], Family::ipv4);
  if (a[IFLA_VXLAN_GROUP6] != nullptr) out.group = address_in(a[IFLA_VXLAN_GROUP6], Family::ipv6);
  out.port = ntohs(static_cast<std::uint16_t>(number(a[IFLA_VXLAN_PORT])));
  return out;
}

BridgeLink parse_bridge(const nlattr* data) {
  const Attributes a = nested(data);
  return {number(a[IFLA_BR_MCAST_SNOOPING]) != 0 && number(a[IFLA_BR_MCAST_QUERIER]) != 0};
}

// Requests one link by name or interface index, or with neither all links.
NetlinkMessages get_request(std::uint16_t flags, const std::string& name, std::uint32_t index = 0) {
  NetlinkMessages messages;
  messages.append([&](char* buffer, std::uint32_t sequence) {
    nlmsghdr* header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = RTM_GETLINK;
    header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header->nlmsg_seq = sequence;
    auto* info = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifinfomsg)));
    info->ifi_index = static_cast<int>(index);
    if (!name.empty()) mnl_attr_put_strz(header, IFLA_IFNAME, name.c_str());
  });
  return messages;
}

Result<std::optional<Link>> read_link(NetlinkSocket& socket, const NetlinkMessages& request,
                                      const std::string& name) {
  std::optional<Link> out;
  auto answers = socket.transact(request, [&](const nlmsghdr* message) {
    if (auto link = parse_link(message)) out = *link;
  });
  if (!answers) return fail(answers.error());
  if (!answers->empty() && answers->front().number != ENODEV) {
    return fail(Code::io, "link " + name + ": " + std::strerror(answers->front().number));
  }
  return out;
}

}  // namespace

std::optional<Link> parse_link(const nlmsghdr* message) {
  if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) {
    return std::nullopt;
  }
  const auto* info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  Attributes a{};
  mnl_attr_parse(message, sizeof(ifinfomsg), collect, &a);
  if (a[IFLA_IFNAME] == nullptr) return std::nullopt;
  Link out;
  out.index = static_cast<std::uint32_t>(info->ifi_index);
  out.name = mnl_attr_get_str(a[IFLA_IFNAME]);
  out.group = number(a[IFLA_GROUP]);
  out.master = number(a[IFLA_MASTER]);
  out.up = (info->ifi_flags & IFF_UP) != 0;
  const Attributes about = nested(a[IFLA_LINKINFO]);
  if (about[IFLA_INFO_KIND] == nullptr) return out;
  const std::string_view kind = mnl_attr_get_str(about[IFLA_INFO_KIND]);
  if (kind == "bridge") out.bridge = parse_bridge(about[IFLA_INFO_DATA]);
  if (kind == "vxlan") out.vxlan = parse_vxlan(about[IFLA_INFO_DATA]);
  return out;
}

Result<Links> read_links(NetlinkSocket& socket) {
  Links out;
  auto read = socket.dump(get_request(NLM_F_DUMP, {}), [&](const nlmsghdr* message) {
    if (auto link = parse_link(message)) out[link->name] = *link;
  });
  if (!read) return fail(read.error());
  return out;
}

Result<std::optional<Link>> read_link(NetlinkSocket& socket, const std::string& name) {
  if (name.size() >= IFNAMSIZ) return std::nullopt;  // no link can have that name
  return read_link(socket, get_request(NLM_F_ACK, name), name);
}

Result<std::optional<Link>> read_link(NetlinkSocket& socket, std::uint32_t index) {
  return read_link(socket, get_request(NLM_F_ACK, {}, index), std::to_string(index));
}

}  // namespace tenet::device
