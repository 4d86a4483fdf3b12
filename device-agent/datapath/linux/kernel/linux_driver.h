// The Linux kernel as a datapath: nftables of family bridge filters, bridges and VXLAN devices
// connect, HTB queues. The driver renders the wanted state as values, compares them with the state
// of the kernel, and sends the difference. program.h describes the tables.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "device-agent/datapath/driver.h"
#include "device-agent/datapath/linux/kernel/linux_options.h"
#include "device-agent/datapath/linux/kernel/netlink.h"
#include "device-agent/datapath/linux/kernel/nft_transaction.h"
#include "device-agent/datapath/linux/kernel/overlay_manager.h"
#include "device-agent/datapath/linux/kernel/queues.h"
#include "device-agent/datapath/linux/program/excluded.h"
#include "device-agent/datapath/linux/program/load_chunks.h"
#include "device-agent/datapath/linux/program/port_map.h"

namespace tenet::device {

class LinuxDriver : public Driver {
 public:
  // Needs CAP_NET_ADMIN, and CAP_SYS_ADMIN for another network namespace. Errors: io; unsupported
  // if this kernel cannot filter bridged frames.
  static Result<std::unique_ptr<LinuxDriver>> open(asio::io_context& io, LinuxOptions options);

  std::string_view name() const override { return "linux"; }
  const Capabilities& capabilities() const override { return capabilities_; }
  Result<Restored> restore(const DatapathState& wanted) override;
  std::vector<DriverRefusal> apply(const DatapathDelta& delta) override;
  std::vector<DriverRefusal> take_back(const DatapathDelta& delta) override;
  Result<std::vector<Lease>> leases() override;
  void guard() override;
  void seed_leases(const std::set<Lease>& leases) override;
  void watch(const std::function<void()>& drifted) override;

 private:
  // Each port that a delta names, and the network that had it before the delta.
  using PortOwners = std::map<std::string, std::optional<Vnid>>;
  struct Sockets {
    NetlinkSocket netfilter;
    NetlinkSocket route;
    NetlinkSocket events;
  };

  LinuxDriver(asio::io_context& io, LinuxOptions options, Sockets sockets,
              Capabilities capabilities);

  // Commits, and keeps generation_ valid if no other program has committed meanwhile. Errors: io.
  Result<std::vector<nft::Transaction::Refusal>> commit(const nft::Transaction& transaction);

  // ---- restore.cpp, chunked_load.cpp
  // Makes the kernel enforce `all`; what it cannot enforce is in Restored::missing.
  Result<Restored> reconcile(const DatapathState& all);
  // Returns the objects that differed. `rebuild`: replace existing tables as a whole.
  Result<std::vector<std::string>> commit_tables(const DatapathState& wanted, bool rebuild);
  Result<void> add_tables(nft::Transaction& out, const DatapathState& wanted,
                          nft::LoadChunks& chunks, bool rebuild);
  // Commits the remaining chunks. False if the kernel refuses one. Errors: io.
  Result<bool> load_chunks(nft::LoadChunks& chunks);
  Result<void> ensure_port_queue(const QueueOptions& queue, std::vector<std::string>& repaired);
  // Refusals for the networks whose sensor port does not exist. Errors: io.
  Result<std::vector<DriverRefusal>> networks_without_sensor();

  // ---- guards.cpp
  // Installs the base tables without networks, if the wanted state could not be enforced.
  void install_guards();
  nft::Table port_guards(const Links& links) const;
  // Adds the changes that give all ports their guards and mirrors. port_map_ includes `delta`
  // already. Errors: io.
  Result<void> add_ports(nft::Transaction& out, const DatapathDelta& delta);

  // ---- apply.cpp
  // Applies all of the delta or nothing. `returning`: leases to add with it.
  std::vector<DriverRefusal> change(const DatapathDelta& delta,
                                    const std::vector<nft::Element>& returning);
  // Sends the delta to the kernel; port_map_ includes it already. `before`: the overlays before it.
  std::vector<DriverRefusal> enforce(const DatapathDelta& delta, const SegmentPlans& before,
                                     const PortOwners& owners,
                                     const std::vector<nft::Element>& returning);
  // Refuses changes to networks whose sensor port does not exist.
  std::vector<DriverRefusal> missing_sensors(const DatapathDelta& delta);
  // Refuses VMs that join a network that is excluded.
  std::vector<DriverRefusal> refuse_joins_to_excluded(const DatapathDelta& delta) const;
  // The changed networks and VMs are in force now, or removed: they are no longer excluded.
  void clear_excluded(const DatapathDelta& delta, const PortOwners& owners);
  // True if the delta changes a network with a sensor.
  bool touches_mirrors(const DatapathDelta& delta) const;

  // ---- apply_segments.cpp
  // Before the rules: adds links and ports of the delta; on an error removes them again.
  std::vector<DriverRefusal> extend_segments(const DatapathDelta& delta, const SegmentPlans& before,
                                             const PortOwners& owners);
  Result<void> release_moved(const SegmentPlans& before, const PortOwners& owners);
  // After the rules: adds ports that moved to another network to its bridge.
  void join_moved_ports(const PortOwners& owners);
  void undo_segments(const DatapathDelta& delta, const SegmentPlans& before);
  // After the rules: removes links and ports that no network has any more.
  void shrink_segments(const SegmentPlans& before);

  // ---- leases.cpp
  // The leases in the bridge table. Errors: io, busy.
  Result<std::vector<nft::Element>> read_leases();
  // Adds the cached leases of VMs without known addresses, after a table was lost or rebuilt.
  void add_leases(nft::Transaction& out, const DatapathState& wanted) const;
  // `ending`: lease_prefix() of the MACs whose leases are removed. Returns the removed leases.
  Result<std::vector<nft::Element>> change_leases(nft::Transaction& out,
                                                  const std::set<nft::Bytes>& ending,
                                                  const std::vector<nft::Element>& returning);
  // Adds to the leases that a rebuilt table gets.
  void cache_leases(const std::vector<nft::Element>& leases);

  // ---- events.cpp
  void await_events();
  void on_events();
  // True if one of the links is wanted and does not exist.
  bool any_lost(const std::set<std::string>& links);
  bool underlay_ready();
  bool is_base_port(const std::string& port) const;
  // True if the guarded port has its guard and is in its bridge.
  bool is_configured(const Link& port);
  // Adds the ports to their bridges, and their guards and mirrors.
  void check_ports(const std::set<std::string>& ports);

  LinuxOptions options_;
  Sockets sockets_;
  Capabilities capabilities_;
  OverlayManager overlays_;
  PortMap port_map_;
  Excluded excluded_;
  // The nftables generation at which the tables were last known to be as committed; nothing if that
  // is unknown.
  std::optional<std::uint32_t> generation_;
  // Ports that have a guard, and the interface index that each had when it was installed.
  std::map<std::string, std::uint32_t> configured_ports_;
  bool incomplete_ = false;                   // the last restore() reported missing objects
  std::vector<nft::Element> cached_leases_;   // as last read, for a table that is lost
  std::vector<nft::Element> removed_leases_;  // by the last change, in case it is taken back
  asio::posix::stream_descriptor events_;
  std::function<void()> drifted_ = [] {};
};

}  // namespace tenet::device
