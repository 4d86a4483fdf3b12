// When reservations end. A server that is gone for good must not hold capacity for ever; one that
// is there sends messages, its audits at least.
#include "device-agent/core/device_core.h"

namespace tenet::device {

Sha256 DeviceCore::synced(const ServerName& server, WallTime now) {
  const auto known = servers().find(server);
  if (known == servers().end()) return digest(view(server));
  const Contact& contact = known->second.contact;
  const bool clock_went_back = contact.last_seen > now;
  const bool old = now - contact.last_seen >= options_.capacity.reservation_timeout / 2;
  // Each renewal is a write to the disk: one for every half of the time-out is enough.
  if (known->second.reservations > 0 && (old || clock_went_back)) {
    state_.set_contact(server, {contact.last, now});
  }
  return digest(known->second.view);
}

std::vector<DeviceChanges::Member> DeviceCore::expire(WallTime now) {
  std::vector<DeviceChanges::Member> ended;
  for (const auto& [name, server] : servers()) {
    if (server.reservations == 0) continue;
    // The clock went back. A time in the future counts as now, or the reservation would hold until
    // the clock gets there.
    if (server.contact.last_seen > now) state_.set_contact(name, {server.contact.last, now});
    if (reserved_until(name) > now) continue;
    for (const auto& [vnid, network] : server.view) {
      for (const VmPtr& vm : network.vms) {
        if (vm->reserve) ended.push_back({name, {vnid, vm->id}});
      }
    }
  }
  // The VM stays, without its share: the server's root differs now, and its next comparison asks
  // for the reservation again.
  for (const auto& [server, key] : ended) {
    Vm vm = *state_.find_vm(server, key.vnid, key.vm);
    vm.reserve = false;
    state_.set_vm(server, key.vnid, key.vm, std::make_shared<const Vm>(std::move(vm)));
  }
  return ended;
}

std::optional<WallTime> DeviceCore::next_expiry() const {
  std::optional<WallTime> next;
  for (const auto& [name, server] : servers()) {
    if (server.reservations == 0) continue;
    const WallTime until = reserved_until(name);
    if (!next || until < *next) next = until;
  }
  return next;
}

WallTime DeviceCore::reserved_until(const ServerName& server) const {
  return servers().at(server).contact.last_seen + options_.capacity.reservation_timeout;
}

}  // namespace tenet::device
