#include "device-agent/datapath/linux/kernel/linux_driver.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include <utility>

#include "device-agent/datapath/linux/kernel/nft_reader.h"
#include "device-agent/datapath/linux/kernel/probe.h"
#include "device-agent/datapath/linux/kernel/refusals.h"

namespace tenet::device {

Result<std::unique_ptr<LinuxDriver>> LinuxDriver::open(asio::io_context& io, LinuxOptions options) {
  const std::string& where = options.network_namespace;
  auto netfilter = NetlinkSocket::open(NETLINK_NETFILTER, where);
  if (!netfilter) return fail(netfilter.error());
  auto route = NetlinkSocket::open(NETLINK_ROUTE, where);
  if (!route) return fail(route.error());
  auto events = NetlinkSocket::open(NETLINK_ROUTE, where, RTMGRP_LINK);
  if (!events) return fail(events.error());
  auto capabilities = probe(*netfilter, *route, options.underlay);
  if (!capabilities) return fail(capabilities.error());
  return std::unique_ptr<LinuxDriver>(new LinuxDriver(
      io, std::move(options), {*std::move(netfilter), *std::move(route), *std::move(events)},
      *std::move(capabilities)));
}

LinuxDriver::LinuxDriver(asio::io_context& io, LinuxOptions options, Sockets sockets,
                         Capabilities capabilities)
    : options_(std::move(options)),
      sockets_(std::move(sockets)),
      capabilities_(std::move(capabilities)),
      overlays_(sockets_.route, options_.underlay),
      // A duplicate, because both the socket and the stream descriptor close theirs.
      events_(io, ::dup(sockets_.events.fd())) {}

Result<std::vector<nft::Transaction::Refusal>> LinuxDriver::commit(
    const nft::Transaction& transaction) {
  if (transaction.empty()) return std::vector<nft::Transaction::Refusal>();
  auto refused = transaction.commit(sockets_.netfilter);
  if (!refused || !refused->empty()) configured_ports_.clear();
  const auto known = std::exchange(generation_, std::nullopt);
  auto now = nft::read_generation(sockets_.netfilter);
  if (!refused || !now || !known) return refused;
  if (refused->empty()) {
    // One generation is this commit. A further one is another program's: read the tables next time.
    if (*now == *known + 1) generation_ = *now;
  } else if (!means_drift(refused->front().number)) {
    generation_ = known;
  }
  return refused;
}

}  // namespace tenet::device
