#include "device-agent/datapath/linux/kernel/linux_driver.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "device-agent/datapath/linux/kernel/probe.h"
#include "device-agent/datapath/linux/program/program.h"

namespace tenet::device {

bool means_drift(int number) {
  return number == ENOENT || number == EEXIST || number == EBUSY;
}

std::string change_text(const nft::Transaction::Refusal& refusal) {
  return refusal.step == nullptr ? "the transaction" : nft::text(refusal.step->change);
}

Error no_sensor(const std::string& sensor) {
  return {Code::unsupported,
          "the sensor port " + sensor + " is not there",
          {.entry = "intrusion-detection sensor " + sensor}};
}

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
      segments_(sockets_.route, options_.underlay),
      // A descriptor of its own, since both close theirs.
      events_(io, ::dup(sockets_.events.fd())) {}

Result<std::vector<nft::Transaction::Refusal>> LinuxDriver::commit(
    const nft::Transaction& transaction) {
  if (transaction.empty()) return std::vector<nft::Transaction::Refusal>();
  auto refused = transaction.commit(sockets_.netfilter);
  if (!refused || !refused->empty()) settled_.clear();
  const auto known = std::exchange(generation_, std::nullopt);
  auto now = nft::read_generation(sockets_.netfilter);
  if (!refused || !now || !known) return refused;
  if (refused->empty()) {
    // Ours was one. Another that came with it has to be looked at.
    if (*now == *known + 1) generation_ = *now;
  } else if (!means_drift(refused->front().number)) {
    generation_ = known;
  }
  return refused;
}

Result<std::vector<Lease>> LinuxDriver::leases() {
  auto elements =
      nft::read_elements(sockets_.netfilter, nft::bridge_table(), std::string(nft::kLeases));
  if (!elements) return fail(elements.error());
  std::vector<Lease> out;
  for (const nft::Element& element : *elements) {
    std::array<std::uint8_t, 6> mac{};
    std::copy_n(element.key.begin(), mac.size(), mac.begin());
    out.push_back({Mac(mac), nft::leased_address(element.key)});
  }
  return out;
}

void LinuxDriver::seed_leases(const std::set<Lease>& leases) {
  std::vector<nft::Element> elements;
  elements.reserve(leases.size());
  for (const Lease& lease : leases) {
    elements.push_back({nft::lease_key(lease.mac, lease.address)});
  }
  note_leases(elements);
}

}  // namespace tenet::device
