#include "device-agent/datapath/linux/kernel/querier.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstring>

#include "common/observe/log.h"

namespace tenet::device {
namespace {

// fe80::7e4e is lower than any address derived from a MAC: a VM that sends queries does not become
// the querier instead of the bridge (RFC 3810 section 7.6.2).
constexpr std::array<std::uint8_t, 16> kAddress{0xfe, 0x80, 0, 0, 0, 0, 0,    0,
                                                0,    0,    0, 0, 0, 0, 0x7e, 0x4e};

}  // namespace

Result<void> set_querier_address(NetlinkSocket& socket, std::uint32_t link, bool wanted) {
  NetlinkMessages messages;
  messages.append([&](char* buffer, std::uint32_t sequence) {
    nlmsghdr* header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = wanted ? RTM_NEWADDR : RTM_DELADDR;
    header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK |
                                                     (wanted ? NLM_F_CREATE | NLM_F_REPLACE : 0));
    header->nlmsg_seq = sequence;
    auto* address = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifaddrmsg)));
    address->ifa_family = AF_INET6;
    address->ifa_prefixlen = 128;
    // Usable at once: no answer to duplicate address detection could arrive.
    address->ifa_flags = IFA_F_NODAD;
    address->ifa_index = link;
    mnl_attr_put(header, IFA_LOCAL, kAddress.size(), kAddress.data());
  });
  auto refused = socket.transact(messages);
  if (!refused) return fail(refused.error());
  // A missing address need not be removed.
  if (wanted && !refused->empty()) {
    log::warning(
        "snooping bridge has no querier address, IPv6 multicast is flooded",
        {{"link", std::to_string(link)}, {"reason", std::strerror(refused->front().number)}});
  }
  return {};
}

}  // namespace tenet::device
