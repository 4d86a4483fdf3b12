// LinuxDriver: makes the kernel enforce the wanted state, whatever its own state was.
#include <cstring>
#include <iterator>
#include <limits>
#include <utility>

#include "device-agent/datapath/linux/kernel/linux_driver.h"
#include "device-agent/datapath/linux/kernel/nft_reader.h"
#include "device-agent/datapath/linux/kernel/refusals.h"
#include "device-agent/datapath/linux/kernel/table_update.h"
#include "device-agent/datapath/linux/program/excluded.h"
#include "device-agent/datapath/linux/program/lease_keys.h"
#include "device-agent/datapath/linux/program/load_chunks.h"
#include "device-agent/datapath/linux/program/program.h"

namespace tenet::device {

Result<Restored> LinuxDriver::restore(const DatapathState& wanted) {
  port_map_ = PortMap(wanted);
  auto restored = reconcile(wanted);
  // The port map covers all acknowledged networks and VMs, also those that are not enforced.
  incomplete_ = !restored || !restored->missing.empty();
  if (incomplete_) port_map_ = PortMap(wanted);
  return restored;
}

Result<Restored> LinuxDriver::reconcile(const DatapathState& all) {
  Restored out;
  out.missing = port_map_.refusals(all, options_.guarded_ports);
  auto unknown = unsupported_networks(capabilities_, all);
  std::move(unknown.begin(), unknown.end(), std::back_inserter(out.missing));
  DatapathState reduced;
  const Excluded before = std::exchange(excluded_, {});
  if (!out.missing.empty()) {
    reduced = excluding(all, out.missing);
    excluded_ = make_excluded(all, reduced, out.missing);
    port_map_ = PortMap(reduced);
  }
  // Objects that are no longer excluded must be added, though the tables are as committed.
  if (excluded_ != before) generation_ = std::nullopt;
  auto repaired = commit_tables(out.missing.empty() ? all : reduced, false);
  if (!repaired) {
    install_guards();
    return fail(repaired.error());
  }
  out.repaired = *std::move(repaired);
  auto leases = read_leases();
  if (!leases) return fail(leases.error());
  cached_leases_ = *std::move(leases);
  auto sensors = networks_without_sensor();
  if (!sensors) return fail(sensors.error());
  std::move(sensors->begin(), sensors->end(), std::back_inserter(out.missing));
  // Rules are committed before ports join bridges: no port is open in between.
  auto segments = overlays_.restore(port_map_.plans(), out.repaired);
  if (!segments) return fail(segments.error());
  for (const auto& [vnid, error] : *segments) out.missing.push_back({vnid, error});
  for (const QueueOptions& queue : options_.queues) {
    if (auto made = ensure_port_queue(queue, out.repaired); !made) return fail(made.error());
  }
  return out;
}

Result<std::vector<std::string>> LinuxDriver::commit_tables(const DatapathState& wanted,
                                                            bool rebuild) {
  nft::Transaction transaction;
  auto before = nft::read_generation(sockets_.netfilter);
  if (!before) return fail(before.error());
  std::optional<nft::LoadChunks> chunks;
  // Tables that no other program has changed need not be read; they can be very large.
  if (generation_ != *before || rebuild) {
    chunks.emplace(wanted, port_map_);
    auto added = add_tables(transaction, wanted, *chunks, rebuild);
    if (!added) return fail(added.error());
  }
  if (auto ports = add_ports(transaction, {}); !ports) return fail(ports.error());
  generation_ = *before;
  auto refused = commit(transaction);
  if (!refused) return fail(refused.error());
  bool taken = refused->empty();
  if (taken && chunks) {
    auto loaded = load_chunks(*chunks);
    if (!loaded) return fail(loaded.error());
    taken = *loaded;
  }
  if (taken) return nft::summary(transaction);
  generation_ = std::nullopt;
  // Another program may have added objects that cannot be removed one by one: replace the tables.
  if (!rebuild) return commit_tables(wanted, true);
  return fail(Code::unsupported, "the kernel refuses " + change_text(refused->front()) + ": " +
                                     std::strerror(refused->front().number));
}

// Adds all changes that the kernel needs or, if it has no table, only the first chunk.
Result<void> LinuxDriver::add_tables(nft::Transaction& out, const DatapathState& wanted,
                                     nft::LoadChunks& chunks, bool rebuild) {
  auto inet = nft::read_table(sockets_.netfilter, nft::inet_table());
  if (!inet) return fail(inet.error());
  nft::update_table(out, nft::inet_table(), *std::move(inet),
                    nft::inet_base(options_.guarded_ports), rebuild);
  auto arp = nft::read_table(sockets_.netfilter, nft::arp_table());
  if (!arp) return fail(arp.error());
  nft::update_table(out, nft::arp_table(), *std::move(arp), nft::arp_base(options_.guarded_ports),
                    rebuild);
  auto bridge = nft::read_table(sockets_.netfilter, nft::bridge_table());
  if (!bridge) return fail(bridge.error());
  if (*bridge && (*bridge)->sets.contains(std::string(nft::kLeases))) {
    auto leases = read_leases();
    if (leases) cached_leases_ = *std::move(leases);
  }
  nft::Table table = nft::bridge_base(options_.guarded_ports);
  table.add(
      chunks.next(*bridge || rebuild ? std::numeric_limits<std::size_t>::max() : nft::kFirstChunk));
  if (nft::update_table(out, nft::bridge_table(), *std::move(bridge), std::move(table), rebuild)) {
    add_leases(out, wanted);
  }
  return {};
}

Result<std::vector<DriverRefusal>> LinuxDriver::networks_without_sensor() {
  std::vector<DriverRefusal> out;
  for (const auto& [vnid, sensor] : port_map_.sensors()) {
    auto link = read_link(sockets_.route, sensor);
    if (!link) return fail(link.error());
    if (!*link) out.push_back({vnid, no_sensor(sensor)});
  }
  return out;
}

Result<void> LinuxDriver::ensure_port_queue(const QueueOptions& queue,
                                            std::vector<std::string>& repaired) {
  auto port = read_link(sockets_.route, queue.port);
  if (!port) return fail(port.error());
  if (!*port) return {};
  auto made = ensure_queue(sockets_.route, (*port)->index, queue);
  if (!made) return fail(made.error());
  if (*made) repaired.push_back("queue of port " + queue.port);
  return {};
}

}  // namespace tenet::device
