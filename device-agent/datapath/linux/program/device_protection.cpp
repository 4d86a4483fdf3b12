// The inet, arp and netdev tables: they keep tenants away from the device itself, guard its bridges
// against control frames, and mirror ports.
#include <linux/netfilter.h>
#include <linux/netfilter_arp.h>

#include "device-agent/datapath/linux/program/port_names.h"
#include "device-agent/datapath/linux/program/program.h"
#include "device-agent/datapath/linux/program/rule_builder.h"

namespace tenet::device::nft {
namespace {

// Before the filters of others (NF_IP_PRI_FILTER is 0).
constexpr std::int32_t kFilterPriority = -200;
// Guards are lower, so packets meet them first: what a guard drops is not mirrored.
constexpr std::int32_t kGuardPriority = -10;
constexpr std::int32_t kMirrorPriority = 0;

Chain drop_to_device(std::uint32_t hook, const std::vector<std::string>& guarded) {
  std::vector<std::string> ports = guarded;
  ports.push_back(std::string(kBridgePrefix) + "*");
  ports.push_back(std::string(kVxlanPrefix) + "*");
  Chain out{Hook{hook, kFilterPriority}, {}};
  for (const std::string& port : ports) {
    out.rules.push_back(RuleBuilder("not for the device").ifname(MetaKey::iifname, port).drop());
  }
  return out;
}

}  // namespace

const TableName& netdev_table() {
  static const TableName kName{TableFamily::netdev, "tenet"};
  return kName;
}

const TableName& inet_table() {
  static const TableName kName{TableFamily::inet, "tenet"};
  return kName;
}

const TableName& arp_table() {
  static const TableName kName{TableFamily::arp, "tenet"};
  return kName;
}

// If br_netfilter is loaded, bridged packets pass these chains too, and seem to be forwarded from a
// bridge to itself: the forward chain must accept that.
Table inet_base(const std::vector<std::string>& guarded) {
  const std::string bridges = std::string(kBridgePrefix) + "*";
  Table out;
  out.chains["input"] = drop_to_device(NF_INET_LOCAL_IN, guarded);
  Chain forward{Hook{NF_INET_FORWARD, kFilterPriority}, {}};
  for (const std::string& port : guarded) {
    forward.rules.push_back(RuleBuilder("not routed").ifname(MetaKey::iifname, port).drop());
  }
  forward.rules.push_back(RuleBuilder("not routed")
                              .ifname(MetaKey::iifname, bridges)
                              .ifname(MetaKey::oifname, bridges, false)
                              .drop());
  forward.rules.push_back(RuleBuilder("not routed")
                              .ifname(MetaKey::iifname, bridges, false)
                              .ifname(MetaKey::oifname, bridges)
                              .drop());
  out.chains["forward"] = std::move(forward);
  Chain output{Hook{NF_INET_LOCAL_OUT, kFilterPriority}, {}};
  output.rules.push_back(RuleBuilder("not of the device").ifname(MetaKey::oifname, bridges).drop());
  out.chains["output"] = std::move(output);
  return out;
}

Table arp_base(const std::vector<std::string>& guarded) {
  Table out;
  out.chains["input"] = drop_to_device(NF_ARP_IN, guarded);
  return out;
}

Table guard_part(const std::string& port) {
  Table out;
  // The reserved addresses 01-80-C2-00-00-00 to -0F (IEEE 802.1Q clause 8.6.3).
  out.chains["guard-" + port] = {
      Hook{NF_NETDEV_INGRESS, kGuardPriority, port},
      {RuleBuilder("only a bridge may talk to its neighbour")
           .masked(kDestinationMac, "\xff\xff\xff\xff\xff\xf0", Bytes("\x01\x80\xc2\0\0\0", 6))
           .drop()}};
  return out;
}

Table mirror_part(const std::string& port, std::uint32_t sensor) {
  const std::vector<Rule> rules{
      RuleBuilder("to the sensor").add(Immediate{0, host_order(sensor)}).add(Dup{0}).build()};
  Table out;
  out.chains["in-" + port] = {Hook{NF_NETDEV_INGRESS, kMirrorPriority, port}, rules};
  out.chains["out-" + port] = {Hook{NF_NETDEV_EGRESS, kMirrorPriority, port}, rules};
  return out;
}

}  // namespace tenet::device::nft
