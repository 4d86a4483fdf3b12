// The elements of sets and maps that represent VMs and their ports.
#include <set>

#include "device-agent/datapath/linux/program/program.h"
#include "device-agent/datapath/linux/program/program_names.h"
#include "device-agent/datapath/linux/program/rule_builder.h"

namespace tenet::device::nft {

Table member_part(Vnid vnid, const Vm& vm) {
  Table out;
  const Bytes mac = mac_bytes(vm.mac);
  const Bytes network = vnid_mark(vnid);
  if (vm.port.empty()) {
    out.elements[kVms] = {{mac, network}};
  } else {
    out.elements[kVmsAtPorts] = {{ifname_bytes(vm.port.str()) + padded(mac), network}};
  }
  if (vm.addresses.empty()) {
    out.elements[kUnaddressed] = {{mac}};
    return out;
  }
  std::set<IpAddress> addresses(vm.addresses.begin(), vm.addresses.end());
  addresses.insert(link_local(vm.mac));
  for (const IpAddress& address : addresses) {
    const bool ipv4 = address.family() == Family::ipv4;
    out.elements[ipv4 ? kAddresses4 : kAddresses6].push_back(
        {padded(mac) + address_bytes(address)});
  }
  return out;
}

Table port_part(Vnid vnid, const std::string& port) {
  Table out;
  out.elements[kPorts] = {{ifname_bytes(port), vnid_mark(vnid)}};
  return out;
}

}  // namespace tenet::device::nft
