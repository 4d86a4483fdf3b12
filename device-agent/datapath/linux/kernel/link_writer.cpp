#include "device-agent/datapath/linux/kernel/link_writer.h"

#include <arpa/inet.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "device-agent/datapath/linux/kernel/querier.h"
#include "device-agent/datapath/linux/program/port_names.h"

namespace tenet::device {
namespace {

using Fill = std::function<void(nlmsghdr*)>;

Result<void> request(NetlinkSocket& socket, const std::string& what, std::uint16_t type,
                     std::uint16_t flags, std::uint32_t index, const Fill& fill,
                     unsigned char family = AF_UNSPEC) {
  NetlinkMessages messages;
  messages.append([&](char* buffer, std::uint32_t sequence) {
    nlmsghdr* header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = type;
    header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    header->nlmsg_seq = sequence;
    auto* info = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifinfomsg)));
    info->ifi_family = family;
    info->ifi_index = static_cast<int>(index);
    fill(header);
  });
  auto refused = socket.transact(messages);
  if (!refused) return fail(refused.error());
  if (refused->empty()) return {};
  const int number = refused->front().number;
  return fail(number == EEXIST ? Code::policy_conflict : Code::unsupported,
              "the kernel refuses to " + what + ": " + std::strerror(number));
}

// Creates a link in Tenet's link group.
Result<void> add(NetlinkSocket& socket, const std::string& name, const char* kind,
                 const Fill& fill_data, std::uint32_t master = 0) {
  return request(socket, std::string("create the ") + kind + " " + name, RTM_NEWLINK,
                 NLM_F_CREATE | NLM_F_EXCL, 0, [&](nlmsghdr* header) {
                   mnl_attr_put_strz(header, IFLA_IFNAME, name.c_str());
                   mnl_attr_put_u32(header, IFLA_GROUP, nft::kLinkGroup);
                   if (master != 0) mnl_attr_put_u32(header, IFLA_MASTER, master);
                   nlattr* about = mnl_attr_nest_start(header, IFLA_LINKINFO);
                   mnl_attr_put_str(header, IFLA_INFO_KIND, kind);
                   nlattr* data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
                   fill_data(header);
                   mnl_attr_nest_end(header, data);
                   mnl_attr_nest_end(header, about);
                 });
}

// Without a querier a bridge floods all multicast, because it learns no group members.
void put_bridge(nlmsghdr* header, const BridgeLink& bridge) {
  mnl_attr_put_u8(header, IFLA_BR_MCAST_SNOOPING, bridge.snooping ? 1 : 0);
  mnl_attr_put_u8(header, IFLA_BR_MCAST_QUERIER, bridge.snooping ? 1 : 0);
  // Do not learn addresses from link-local frames, which no bridge chain sees (IEEE 802.1Q 8.6.3).
  constexpr std::uint32_t kNoLearning = 1U << BR_BOOLOPT_NO_LL_LEARN;
  const br_boolopt_multi options{kNoLearning, kNoLearning};
  mnl_attr_put(header, IFLA_BR_MULTI_BOOLOPT, sizeof options, &options);
}

void put_vxlan(nlmsghdr* header, const VxlanLink& vxlan) {
  mnl_attr_put_u32(header, IFLA_VXLAN_ID, vxlan.vni);
  mnl_attr_put_u32(header, IFLA_VXLAN_LINK, vxlan.underlay);
  mnl_attr_put_u16(header, IFLA_VXLAN_PORT, htons(vxlan.port));
  mnl_attr_put_u8(header, IFLA_VXLAN_LEARNING, 1);
  // More than 1, because the underlay may route multicast.
  mnl_attr_put_u8(header, IFLA_VXLAN_TTL, 64);
  if (!vxlan.group) return;
  const bool ipv4 = vxlan.group->family() == Family::ipv4;
  mnl_attr_put(header, ipv4 ? IFLA_VXLAN_GROUP : IFLA_VXLAN_GROUP6, ipv4 ? 4 : 16,
               vxlan.group->bytes().data());
}

Result<void> write_bridge(NetlinkSocket& socket, std::uint32_t index, const BridgeLink& bridge) {
  return request(socket, "change a bridge", RTM_NEWLINK, 0, index, [&](nlmsghdr* header) {
    nlattr* about = mnl_attr_nest_start(header, IFLA_LINKINFO);
    mnl_attr_put_str(header, IFLA_INFO_KIND, "bridge");
    nlattr* data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
    put_bridge(header, bridge);
    mnl_attr_nest_end(header, data);
    mnl_attr_nest_end(header, about);
  });
}

// A bridge queries when it becomes the querier, and then twice a minute. When a bridge is set up it
// has no address yet and cannot query, so this switches its querier off and on again.
Result<void> restart_querier(NetlinkSocket& socket, std::uint32_t index) {
  auto link = read_link(socket, index);
  if (!link) return fail(link.error());
  if (!*link || !(*link)->bridge || !(*link)->bridge->snooping) return {};
  if (auto done = write_bridge(socket, index, {false}); !done) return done;
  return change_bridge(socket, index, {true});
}

Error vni_in_use(NetlinkSocket& socket, std::uint32_t vni) {
  std::string holder = "another link";
  if (auto links = read_links(socket)) {
    for (const auto& [name, link] : *links) {
      if (link.vxlan && link.vxlan->vni == vni) holder = "link " + name;
    }
  }
  const std::string entry = "vni " + std::to_string(vni);
  return {Code::policy_conflict,
          entry + " is in use by " + holder + " of this device; choose another with vni=",
          {.entry = "virtual-network " + entry, .against = holder}};
}

}  // namespace

Result<void> add_bridge(NetlinkSocket& socket, const std::string& name, const BridgeLink& bridge) {
  return add(socket, name, "bridge", [&](nlmsghdr* header) { put_bridge(header, bridge); });
}

Result<void> change_bridge(NetlinkSocket& socket, std::uint32_t index, const BridgeLink& bridge) {
  auto address = set_querier_address(socket, index, bridge.snooping);
  if (!address) return address;
  return write_bridge(socket, index, bridge);
}

Result<void> add_vxlan(NetlinkSocket& socket, const std::string& name, const VxlanLink& vxlan,
                       std::uint32_t master) {
  auto added = add(
      socket, name, "vxlan", [&](nlmsghdr* header) { put_vxlan(header, vxlan); }, master);
  if (added || added.error().code != Code::policy_conflict) return added;
  return fail(vni_in_use(socket, vxlan.vni));
}

Result<void> set_multicast_router(NetlinkSocket& socket, std::uint32_t index) {
  return request(
      socket, "make a link a multicast router port", RTM_SETLINK, 0, index,
      [](nlmsghdr* header) {
        nlattr* port = mnl_attr_nest_start(header, IFLA_PROTINFO);
        mnl_attr_put_u8(header, IFLA_BRPORT_MULTICAST_ROUTER, MDB_RTR_TYPE_PERM);
        mnl_attr_nest_end(header, port);
      },
      AF_BRIDGE);
}

Result<void> set_master(NetlinkSocket& socket, std::uint32_t index, std::uint32_t master) {
  return request(socket, "change the bridge of a port", RTM_NEWLINK, 0, index,
                 [&](nlmsghdr* header) { mnl_attr_put_u32(header, IFLA_MASTER, master); });
}

Result<void> set_up(NetlinkSocket& socket, std::uint32_t index) {
  // The device is not part of a tenant's network, so the link gets no link-local address (RFC 4862)
  // except a querier's. An error is ignored: a kernel without IPv6 assigns none.
  static_cast<void>(request(
      socket, "disable IPv6 addresses of a link", RTM_NEWLINK, 0, index, [](nlmsghdr* header) {
        nlattr* families = mnl_attr_nest_start(header, IFLA_AF_SPEC);
        nlattr* ipv6 = mnl_attr_nest_start(header, AF_INET6);
        mnl_attr_put_u8(header, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
        mnl_attr_nest_end(header, ipv6);
        mnl_attr_nest_end(header, families);
      }));
  auto up = request(socket, "set a link up", RTM_NEWLINK, 0, index, [](nlmsghdr* header) {
    auto* info = static_cast<ifinfomsg*>(mnl_nlmsg_get_payload(header));
    info->ifi_flags = IFF_UP;
    info->ifi_change = IFF_UP;
  });
  if (!up) return up;
  return restart_querier(socket, index);
}

Result<void> remove_link(NetlinkSocket& socket, std::uint32_t index) {
  return request(socket, "remove a link", RTM_DELLINK, 0, index, [](nlmsghdr*) {});
}

}  // namespace tenet::device
