// Which networks use which ports. From it follow the refusals, the overlays and the mirrored ports.
// Pure; it is the part of the state that a driver keeps in memory, beside the kernel.
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
  // The networks and VMs of an applied delta that this device cannot enforce, found without asking
  // the kernel. `guarded`: patterns of the ports where VMs may be.
  std::vector<DriverRefusal> refusals(const DatapathDelta& delta,
                                      const std::vector<std::string>& guarded) const;
  // The same for a whole state, from which this map was made.
  std::vector<DriverRefusal> refusals(const DatapathState& state,
                                      const std::vector<std::string>& guarded) const;

  // The network whose VMs name the port; nothing if no VM does.
  std::optional<Vnid> owner(const std::string& port) const;
  // The overlay of a network; nothing if it has no segment.
  std::optional<SegmentPlan> plan(Vnid vnid) const;
  bool has_segment(Vnid vnid) const;
  SegmentPlans plans() const;
  // Port -> sensor, for all ports of networks with intrusion-detection.
  std::map<std::string, std::string> mirrored_ports() const;
  // Network -> sensor, for all networks with intrusion-detection.
  std::map<Vnid, std::string> sensors() const;
  // The sensor port of the network; empty if it has none.
  std::string sensor(Vnid vnid) const;
  bool is_sensor(const std::string& port) const;
  std::map<std::string, Vnid> ports() const;

 private:
  struct Network {
    std::optional<Segment> segment;
    bool snooping = false;
    std::string sensor;  // empty: not mirrored
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
  std::map<std::string, std::map<Vnid, std::size_t>> ports_;  // number of VMs that name it
  std::size_t mirroring_ = 0;                                 // networks with a sensor
};

// The networks that a delta changes, or of which it changes VMs.
std::set<Vnid> affected_vnids(const DatapathDelta& delta);

}  // namespace tenet::device
