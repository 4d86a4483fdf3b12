// LinuxDriver: the guards of all tables without networks, and the guards and mirrors of single
// ports.
#include <cstring>
#include <iterator>
#include <utility>

#include "common/core/text.h"
#include "common/observe/log.h"
#include "device-agent/datapath/linux/kernel/linux_driver.h"
#include "device-agent/datapath/linux/kernel/nft_reader.h"
#include "device-agent/datapath/linux/kernel/refusals.h"
#include "device-agent/datapath/linux/kernel/table_update.h"
#include "device-agent/datapath/linux/program/port_names.h"
#include "device-agent/datapath/linux/program/program.h"

namespace tenet::device {

nft::Table LinuxDriver::port_guards(const Links& links) const {
  nft::Table out;
  for (const auto& [port, link] : links) {
    if (nft::is_guarded(options_.guarded_ports, port)) out.add(nft::guard_part(port));
  }
  return out;
}

// The kernel removes the chains of a port together with the port, so the table is read each time.
// Missing ports and sensors are added when they appear, see on_events().
Result<void> LinuxDriver::add_ports(nft::Transaction& out, const DatapathDelta& delta) {
  auto now = nft::read_table(sockets_.netfilter, nft::netdev_table());
  if (!now) return fail(now.error());
  auto links = read_links(sockets_.route);
  if (!links) return fail(links.error());
  nft::Table wanted = port_guards(*links);
  configured_ports_.clear();
  for (const auto& [port, link] : *links) {
    if (nft::is_guarded(options_.guarded_ports, port)) configured_ports_[port] = link.index;
  }
  for (const auto& [port, sensor] : port_map_.mirrored_ports()) {
    const Vnid owner = *port_map_.owner(port);
    if (excluded_.networks.contains(owner) && !delta.networks.contains(owner)) continue;
    const auto target = links->find(sensor);
    if (target != links->end() && links->contains(port)) {
      wanted.add(nft::mirror_part(port, target->second.index));
    }
  }
  if (!wanted.chains.empty()) {
    nft::update_table(out, nft::netdev_table(), *std::move(now), std::move(wanted), false);
  } else if (*now) {
    out.add(nft::netdev_table(), nft::RemoveTable{});
  }
  return {};
}

// The kernel refuses the wanted state, so no VM is known: unknown means no traffic (law 10).
// Whatever else is in force stays, except in a table that must be created again because a set or a
// hook of its base differs.
void LinuxDriver::install_guards() {
  std::vector<std::string> installed;
  const auto install = [&](const std::vector<std::pair<nft::TableName, nft::Table>>& bases) {
    nft::Transaction transaction;
    for (const auto& [name, base] : bases) {
      auto now = nft::read_table(sockets_.netfilter, name);
      if (!now) return;
      if (*now && nft::same_shape(**now, base)) nft::restrict_to(**now, base);
      nft::update_table(transaction, name, *std::move(now), base, false);
    }
    const auto refused = commit(transaction);
    if (!refused || !refused->empty()) {
      log::error("guards not installed",
                 {{"reason", refused ? "the kernel refuses " + change_text(refused->front()) +
                                           ": " + std::strerror(refused->front().number)
                                     : describe(refused.error())}});
      return;
    }
    auto texts = nft::summary(transaction);
    std::move(texts.begin(), texts.end(), std::back_inserter(installed));
  };
  install({{nft::inet_table(), nft::inet_base(options_.guarded_ports)},
           {nft::arp_table(), nft::arp_base(options_.guarded_ports)},
           {nft::bridge_table(), nft::bridge_base(options_.guarded_ports)}});
  // A transaction of its own, because ports may disappear meanwhile.
  const auto links = read_links(sockets_.route);
  nft::Table ports = links ? port_guards(*links) : nft::Table();
  if (!ports.chains.empty()) install({{nft::netdev_table(), std::move(ports)}});
  generation_ = std::nullopt;
  configured_ports_.clear();
  if (!installed.empty())
    log::warning("guards installed, networks follow", {{"objects", join(installed, ", ")}});
}

void LinuxDriver::guard() {
  // An existing table stays, also with other guards: it is from an earlier configuration.
  const auto now = nft::read_table(sockets_.netfilter, nft::bridge_table());
  if (now && !*now) install_guards();
}

}  // namespace tenet::device
