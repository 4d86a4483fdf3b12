// The Linux kernel as a datapath: nftables in family bridge decides, bridges and VXLAN devices
// connect, HTB queues. What is wanted is rendered as values, compared with what the kernel says,
// and the difference is sent; see program.h for the tables.
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
  // Needs CAP_NET_ADMIN, and CAP_SYS_ADMIN for another namespace. Errors: io; unsupported if this
  // kernel cannot filter bridged frames.
  static Result<std::unique_ptr<LinuxDriver>> open(asio::io_context& io, LinuxOptions options);

  std::string_view name() const override { return "linux"; }
  const Capabilities& capabilities() const override { return capabilities_; }
  Result<Restored> restore(const DatapathState& wanted) override;
  std::vector<DriverRefusal> apply(const DatapathDelta& delta) override;
  std::vector<DriverRefusal> take_back(const DatapathDelta& delta) override;
  Result<std::vector<Lease>> leases() override;
  void guard() override;
  void remember(const std::set<Lease>& leases) override;
  void watch(const std::function<void()>& drifted) override;

 private:
  // Of the ports that a delta speaks of: whose they were.
  using PortOwners = std::map<std::string, std::optional<Vnid>>;
  struct Sockets {
    NetlinkSocket netfilter;
    NetlinkSocket route;
    NetlinkSocket events;
  };

  LinuxDriver(asio::io_context& io, LinuxOptions options, Sockets sockets,
              Capabilities capabilities);

  // Commits, and keeps account of whether anybody else has.
  Result<std::vector<nft::Transaction::Refusal>> commit(const nft::Transaction& transaction);

  // ---- restore: linux_restore.cpp
  // Makes the kernel what `all` says, as far as it can.
  Result<Restored> reconcile(const DatapathState& all);
  // Says what differed. `anew`: whatever is there is replaced as a whole.
  Result<std::vector<std::string>> commit_tables(const DatapathState& wanted, bool rebuild);
  Result<void> add_tables(nft::Transaction& out, const DatapathState& wanted,
                          nft::LoadChunks& chunks, bool rebuild);
  // The rest of them. False: the kernel refuses something. Errors: io.
  Result<bool> load_chunks(nft::LoadChunks& chunks);
  void add_leases(nft::Transaction& out, const DatapathState& wanted) const;
  Result<void> make_queue(const QueueOptions& queue, std::vector<std::string>& repaired);
  // The guards alone, if what is wanted could not be made.
  void install_guards();
  nft::Table port_guards(const Links& links) const;
  // What ports lack of guards and copies, now that `delta` is laid out. Errors: io.
  Result<void> add_ports(nft::Transaction& out, const DatapathDelta& delta);
  // The networks whose sensor is not there. Errors: io.
  Result<std::vector<DriverRefusal>> networks_without_sensor();

  // ---- apply: linux_apply.cpp
  // `returning`: leases that come with it.
  std::vector<DriverRefusal> change(const DatapathDelta& delta,
                                    const std::vector<nft::Element>& returning);
  std::vector<DriverRefusal> enforce(const DatapathDelta& delta, const SegmentPlans& before,
                                     const PortOwners& owners,
                                     const std::vector<nft::Element>& returning);
  std::vector<DriverRefusal> missing_sensors(const DatapathDelta& delta);
  std::vector<DriverRefusal> refuse_joins_to_excluded(const DatapathDelta& delta) const;
  // What has changed is in force now, or gone.
  void clear_excluded(const DatapathDelta& delta, const PortOwners& owners);
  std::vector<DriverRefusal> extend_segments(const DatapathDelta& delta, const SegmentPlans& before,
                                             const PortOwners& owners);
  Result<void> release_moved(const SegmentPlans& before, const PortOwners& owners);
  void join_moved_ports(const PortOwners& owners);
  void undo_segments(const DatapathDelta& delta, const SegmentPlans& before);
  void shrink_segments(const SegmentPlans& before);
  bool touches_mirrors(const DatapathDelta& delta) const;
  // `ending`: MACs, padded, whose leases go. Returns those that do.
  Result<std::vector<nft::Element>> change_leases(nft::Transaction& out,
                                                  const std::set<nft::Bytes>& ending,
                                                  const std::vector<nft::Element>& returning);
  // Adds to what a table that is lost and made again gets.
  void cache_leases(const std::vector<nft::Element>& leases);

  // ---- events: linux_events.cpp
  void await_events();
  void on_events();
  bool any_lost(const std::set<std::string>& links);
  bool underlay_ready();
  bool is_base_port(const std::string& port) const;
  // Whether a guarded port has its guard and its bridge.
  bool is_configured(const Link& port);
  void check_ports(const std::set<std::string>& ports);

  LinuxOptions options_;
  Sockets sockets_;
  Capabilities capabilities_;
  OverlayManager overlays_;
  PortMap port_map_;
  Excluded excluded_;
  // The kernel's generation when our tables were last known to be what apply() and restore() said;
  // nothing if it is not known.
  std::optional<std::uint32_t> generation_;
  // Ports that have a guard, and the index that each had then.
  std::map<std::string, std::uint32_t> configured_ports_;
  bool incomplete_ = false;                   // restore() said that something is missing
  std::vector<nft::Element> cached_leases_;   // as of the last look, should the table be lost
  std::vector<nft::Element> removed_leases_;  // by the last change, should it be taken back
  asio::posix::stream_descriptor events_;
  std::function<void()> drifted_ = [] {};
};

}  // namespace tenet::device
