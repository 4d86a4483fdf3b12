// Which networks use which ports, and what follows from it: what has to be refused, which bridges
// and copies are wanted. Pure; what a driver has to remember beside the kernel.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "device-agent/datapath/driver.h"
#include "device-agent/datapath/linux/program/overlay_plan.h"

namespace tenet::device {

class PortMap {
 public:
  PortMap() = default;
  explicit PortMap(const DatapathState& state);

  void apply(const DatapathDelta& delta);
  // What of an applied delta cannot be enforced here, whatever the kernel says. `guarded`: the
  // ports where VMs may be.
  std::vector<DriverRefusal> refusals(const DatapathDelta& delta,
                                      const std::vector<std::string>& guarded) const;
  // The same of all that is laid out.
  std::vector<DriverRefusal> refusals(const DatapathState& state,
                                      const std::vector<std::string>& guarded) const;

  // The network whose VMs name the port, if there is one.
  std::optional<Vnid> owner(const std::string& port) const;
  // Nothing if the network has no segment.
  std::optional<SegmentPlan> plan(Vnid vnid) const;
  bool has_segment(Vnid vnid) const;
  SegmentPlans plans() const;
  // Port -> sensor, of networks whose traffic is copied.
  std::map<std::string, std::string> mirrored_ports() const;
  // The networks whose traffic is copied, and whereto.
  std::map<Vnid, std::string> sensors() const;
  // The port that gets copies of the network's traffic; empty: none.
  std::string sensor(Vnid vnid) const;
  bool is_sensor(const std::string& port) const;
  std::map<std::string, Vnid> ports() const;

 private:
  struct Network {
    std::optional<Segment> segment;
    bool snooping = false;
    std::string sensor;  // empty: no copies
    std::set<std::string> ports;
    std::size_t vms_without_port = 0;  // VMs that name no port
  };
  void set_network(Vnid vnid, const std::vector<Intent>& intents);
  void erase_sensor(Vnid vnid);
  void refuse(Vnid vnid, const std::vector<Intent>& intents, std::vector<DriverRefusal>& out) const;
  void refuse(const MemberKey& key, const Vm& vm, const std::vector<std::string>& guarded,
              std::vector<DriverRefusal>& out) const;
  void count_vm(Vnid vnid, const Vm& vm, bool present);

  std::map<Vnid, Network> networks_;
  std::map<std::string, std::map<Vnid, std::size_t>> ports_;  // how many VMs name it
  std::size_t mirroring_ = 0;                                 // networks with a sensor
};

// The VNIDs that a delta touches.
std::set<Vnid> affected_vnids(const DatapathDelta& delta);

}  // namespace tenet::device
