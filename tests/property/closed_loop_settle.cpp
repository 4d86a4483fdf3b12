// How a closed loop comes to rest, and what must be true then.
#include "tests/property/closed_loop.h"

namespace tenet::testing {

using namespace tenet::server;

bool ClosedLoop::drain(std::size_t most) {
  for (std::size_t n = 0; n < most; ++n) {
    bool moved = false;
    for (std::size_t s = 0; s < servers_.size(); ++s) {
      answer_peer(s);
      perform(s);
      for (std::size_t d = 0; d < devices_.size(); ++d) {
        Connection& line = between(s, d);
        moved = moved || !line.requests.empty() || !line.answers.empty();
        deliver_request(s, d, false);
        deliver_answer(s, d);
        perform(s);
      }
    }
    if (!moved || !broken_.empty()) return true;
  }
  return false;
}

std::string ClosedLoop::settle() {
  for (std::size_t s = 0; s < servers_.size(); ++s) {
    for (std::size_t d = 0; d < devices_.size(); ++d) connect(s, d);
  }
  // Pauses end, then audits find what another server changed; each a few times over.
  for (int round = 0; round < 6; ++round) {
    if (!drain(400)) return "the conversation does not come to rest";
    for (std::size_t s = 0; s < servers_.size(); ++s) {
      for (std::size_t n = servers_[s].timers.size(); n > 0; --n) fire_timer(s, 0);
    }
  }
  if (!drain(400)) return "the conversation does not come to rest";
  for (std::size_t s = 0; s < servers_.size(); ++s) {
    if (!servers_[s].open.empty()) broken("a command was never answered");
    for (std::size_t d = 0; d < devices_.size(); ++d) broken(difference(s, d));
  }
  return broken_;
}

std::string ClosedLoop::difference(std::size_t s, std::size_t d) const {
  const ServerSide& side = servers_[s];
  const DeviceSide& device = devices_[d];
  const DeviceLink& link = side.core->links().at(device.name);
  const DeviceView& view = device.core.view(side.name.bare().text());
  const std::string where = side.name.text() + " on " + device.name.text() + ": ";
  if (!link.synchronized()) return where + "is " + std::string(link.state());
  if (dump(link.acknowledged()) != dump(view)) {
    return where + "believes\n" + dump(link.acknowledged()) + "and the device has\n" + dump(view);
  }
  for (const auto& [vnid, network] : view) {
    const server::Network* wanted = side.core->desired().find(vnid);
    if (wanted == nullptr || !wanted->wanted_on(device.name)) return where + "has " + vnid.text();
    for (const auto& [id, vm] : network.vms) {
      const PlacedVm* placed = side.core->desired().find(vnid, id);
      if (placed == nullptr || !placed->devices.contains(device.name)) {
        return where + "has " + server::key_text({vnid, id});
      }
    }
  }
  const auto open = [&](const Key& key) {
    const Delivery delivery = link.delivery(key, side.core->desired(), nullptr);
    return delivery != Delivery::enforced && delivery != Delivery::refused;
  };
  for (const auto& [vnid, network] : side.core->desired().networks()) {
    if (network.wanted_on(device.name) && open({vnid, {}})) return where + "lacks " + vnid.text();
    for (const auto& [id, placed] : network.vms) {
      if (placed.devices.contains(device.name) && open({vnid, id})) {
        return where + "lacks " + server::key_text({vnid, id});
      }
    }
  }
  return {};
}

std::string ClosedLoop::history() const {
  std::string out;
  for (const std::string& line : history_) out += line + "\n";
  return out;
}

}  // namespace tenet::testing
