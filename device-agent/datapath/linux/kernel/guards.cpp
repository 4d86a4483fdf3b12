// LinuxDriver: guards, alone and port by port.
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

// The kernel drops what hangs on a port together with the port, so it is always asked. Ports and
// sensors that are not there join when they come.
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

// The kernel does not take what is wanted. Without it nobody is known: unknown means no traffic
// (law 10). What is in force besides stays so, but in a table whose frame cannot be made right
// within it.
void LinuxDriver::install_guards() {
  std::vector<std::string> raised;
  const auto raise = [&](const std::vector<std::pair<nft::TableName, nft::Table>>& frames) {
    nft::Transaction transaction;
    for (const auto& [name, frame] : frames) {
      auto now = nft::read_table(sockets_.netfilter, name);
      if (!now) return;
      if (*now && nft::same_shape(**now, frame)) nft::restrict_to(**now, frame);
      nft::update_table(transaction, name, *std::move(now), frame, false);
    }
    const auto refused = commit(transaction);
    if (!refused || !refused->empty()) {
      log::error("the guards cannot be put up",
                 {{"reason", refused ? "the kernel refuses " + change_text(refused->front()) +
                                           ": " + std::strerror(refused->front().number)
                                     : describe(refused.error())}});
      return;
    }
    auto texts = nft::summary(transaction);
    std::move(texts.begin(), texts.end(), std::back_inserter(raised));
  };
  raise({{nft::inet_table(), nft::inet_base(options_.guarded_ports)},
         {nft::arp_table(), nft::arp_base(options_.guarded_ports)},
         {nft::bridge_table(), nft::bridge_base(options_.guarded_ports)}});
  // Apart, since ports may go meanwhile.
  const auto links = read_links(sockets_.route);
  nft::Table ports = links ? port_guards(*links) : nft::Table();
  if (!ports.chains.empty()) raise({{nft::netdev_table(), std::move(ports)}});
  generation_ = std::nullopt;
  configured_ports_.clear();
  if (!raised.empty()) log::warning("guards without networks", {{"made", join(raised, ", ")}});
}

void LinuxDriver::guard() {
  // Also a table with other guards is what somebody wanted.
  const auto now = nft::read_table(sockets_.netfilter, nft::bridge_table());
  if (now && !*now) install_guards();
}

}  // namespace tenet::device
