// LinuxDriver: DHCP leases that the datapath has learnt, which must survive a lost table.
#include "device-agent/datapath/linux/kernel/linux_driver.h"
#include "device-agent/datapath/linux/kernel/nft_reader.h"
#include "device-agent/datapath/linux/program/lease_keys.h"
#include "device-agent/datapath/linux/program/program.h"

namespace tenet::device {

Result<std::vector<nft::Element>> LinuxDriver::read_leases() {
  return nft::read_elements(sockets_.netfilter, nft::bridge_table(), std::string(nft::kLeases));
}

Result<std::vector<Lease>> LinuxDriver::leases() {
  auto elements = read_leases();
  if (!elements) return fail(elements.error());
  std::vector<Lease> out;
  for (const nft::Element& element : *elements) {
    out.push_back({nft::leased_mac(element.key), nft::leased_address(element.key)});
  }
  return out;
}

void LinuxDriver::seed_leases(const std::set<Lease>& leases) {
  std::vector<nft::Element> elements;
  elements.reserve(leases.size());
  for (const Lease& lease : leases) {
    elements.push_back({nft::lease_key(lease.mac, lease.address)});
  }
  cache_leases(elements);
}

Result<std::vector<nft::Element>> LinuxDriver::change_leases(
    nft::Transaction& out, const std::set<nft::Bytes>& ending,
    const std::vector<nft::Element>& returning) {
  std::vector<nft::Element> removed;
  if (ending.empty() && returning.empty()) return removed;
  auto leases = read_leases();
  if (!leases) return fail(leases.error());
  const std::string set(nft::kLeases);
  std::set<nft::Bytes> there;
  for (nft::Element& lease : *leases) {
    if (!ending.contains(nft::lease_prefix(lease))) {
      there.insert(lease.key);
      continue;
    }
    out.add(nft::bridge_table(), nft::RemoveElement{set, {lease.key}});
    removed.push_back(std::move(lease));
  }
  for (const nft::Element& lease : returning) {
    // A packet may have added it meanwhile.
    if (!there.contains(lease.key)) out.add(nft::bridge_table(), nft::AddElement{set, lease});
  }
  return removed;
}

void LinuxDriver::cache_leases(const std::vector<nft::Element>& leases) {
  if (leases.empty()) return;
  std::set<nft::Bytes> known;
  for (const nft::Element& lease : cached_leases_) known.insert(lease.key);
  for (const nft::Element& lease : leases) {
    if (known.insert(lease.key).second) cached_leases_.push_back(lease);
  }
}

// Learnt leases are lost with their table; without them VMs would have no traffic until they renew.
void LinuxDriver::add_leases(nft::Transaction& out, const DatapathState& wanted) const {
  std::set<nft::Bytes> unaddressed;
  for (const auto& [key, vm] : wanted.members) {
    if (vm->addresses.empty()) unaddressed.insert(nft::lease_prefix(vm->mac));
  }
  for (const nft::Element& lease : cached_leases_) {
    if (!unaddressed.contains(nft::lease_prefix(lease))) continue;
    out.add(nft::bridge_table(), nft::AddElement{std::string(nft::kLeases), lease});
  }
}

}  // namespace tenet::device
