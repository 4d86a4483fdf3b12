// The Linux kernel as a datapath: nftables in family bridge decides, bridges and VXLAN devices
// connect, HTB queues. What is wanted is rendered as values, compared with what the kernel says,
// and the difference is sent; see program.h for the tables.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <memory>
#include <string>
#include <vector>

#include "device-agent/datapath/driver.h"
#include "device-agent/datapath/linux/layout.h"
#include "device-agent/datapath/linux/linux_options.h"
#include "device-agent/datapath/linux/netlink.h"
#include "device-agent/datapath/linux/nft_transaction.h"
#include "device-agent/datapath/linux/queues.h"
#include "device-agent/datapath/linux/segments.h"

namespace tenet::device {

class LinuxDriver : public Driver {
 public:
  // Needs CAP_NET_ADMIN, and CAP_SYS_ADMIN for another namespace. Errors: io; unsupported if this
  // kernel cannot filter bridged frames.
  static Result<std::unique_ptr<LinuxDriver>> open(asio::io_context& io, LinuxOptions options);

  std::string_view name() const override { return "linux"; }
  const Capabilities& capabilities() const override { return capabilities_; }
  Result<std::vector<std::string>> restore(const DatapathState& wanted) override;
  std::vector<DriverRefusal> apply(const DatapathDelta& delta) override;
  Result<std::vector<Lease>> leases() override;
  void watch(std::function<void()> drifted) override;

 private:
  using PortOwners = std::map<std::string, std::optional<Vnid>>;
  struct Sockets {
    NetlinkSocket netfilter;
    NetlinkSocket route;
    NetlinkSocket events;
  };

  LinuxDriver(asio::io_context& io, LinuxOptions options, Sockets sockets,
              Capabilities capabilities);

  // Makes the kernel what `wanted` says; the layout says the same already.
  Result<std::vector<std::string>> make(const DatapathState& wanted);
  std::vector<DriverRefusal> enforce(const DatapathDelta& delta, const SegmentPlans& before,
                                     const PortOwners& owners);
  std::vector<DriverRefusal> extend_segments(const DatapathDelta& delta,
                                             const SegmentPlans& before);
  void undo_segments(const DatapathDelta& delta, const SegmentPlans& before);
  void shrink_segments(const SegmentPlans& before);
  // Commits, and keeps account of whether anybody else has.
  Result<std::vector<nft::Transaction::Refusal>> commit(const nft::Transaction& transaction);
  nft::Table wanted_table(const DatapathState& wanted) const;
  // Add what the kernel's tables lack. Errors: io.
  Result<void> add_table(nft::Transaction& out, const DatapathState& wanted);
  Result<std::vector<Error>> add_mirrors(nft::Transaction& out);  // says what is not there
  Result<void> make_queue(const QueueOptions& queue, std::vector<std::string>& repaired);
  std::vector<DriverRefusal> missing_sensors(const DatapathDelta& delta);
  Result<void> add_forgotten_leases(nft::Transaction& out, const DatapathDelta& delta);
  std::vector<DriverRefusal> explain_refusal(
      const DatapathDelta& delta, const std::vector<nft::Transaction::Refusal>& refused) const;

  void await_events();
  void on_events();
  bool is_foundation(const std::string& port) const;
  void check_ports(const std::set<std::string>& ports);

  LinuxOptions options_;
  Sockets sockets_;
  Capabilities capabilities_;
  SegmentKeeper segments_;
  Layout layout_;
  // The kernel's generation when our table was last known to be what apply() and restore() said;
  // nothing if it is not known.
  std::optional<std::uint32_t> generation_;
  std::vector<nft::Element> leases_;  // as of the last look, should the table be lost
  asio::posix::stream_descriptor events_;
  std::function<void()> drifted_ = [] {};
};

}  // namespace tenet::device
