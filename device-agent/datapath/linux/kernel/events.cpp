// LinuxDriver: reacts to ports that appear and disappear, and to links that others remove.
#include <linux/rtnetlink.h>

#include <algorithm>

#include "common/observe/log.h"
#include "device-agent/datapath/linux/kernel/linux_driver.h"
#include "device-agent/datapath/linux/program/port_names.h"

namespace tenet::device {

void LinuxDriver::watch(const std::function<void()>& drifted) {
  drifted_ = drifted;
  await_events();
}

void LinuxDriver::await_events() {
  events_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& e) {
    if (e) return;
    on_events();
    await_events();
  });
}

void LinuxDriver::on_events() {
  std::set<std::string> ports;
  Links changed;
  std::set<std::string> gone;
  bool base_port = false;
  bool sensor_removed = false;
  const bool whole = sockets_.events.drain([&](const nlmsghdr* message) {
    const auto link = parse_link(message);
    if (!link) return;
    const bool guarded = nft::is_guarded(options_.guarded_ports, link->name);
    const bool sensor = port_map_.is_sensor(link->name);
    if (guarded || sensor) {
      if (sensor || message->nlmsg_type == RTM_DELLINK) {
        ports.insert(link->name);
      } else {
        changed[link->name] = *link;
      }
      sensor_removed = sensor_removed || (sensor && message->nlmsg_type == RTM_DELLINK);
    } else if (link->ours() && message->nlmsg_type == RTM_DELLINK) {
      gone.insert(link->name);
    } else if (message->nlmsg_type == RTM_NEWLINK && is_base_port(link->name)) {
      base_port = true;
    }
  });
  // After the last event of each port: a port that joins a bridge is first reported without one.
  for (const auto& [port, link] : changed) {
    if (!is_configured(link)) ports.insert(port);
  }
  // Missing objects may be enforceable now.
  const bool may_complete = incomplete_ && (base_port || !ports.empty());
  if (!whole || sensor_removed || may_complete || any_lost(gone) ||
      (base_port && !underlay_ready())) {
    return drifted_();
  }
  if (!ports.empty()) check_ports(ports);
}

// Most events are caused by the driver itself: a VM's port joined its bridge. Checking the one port
// avoids reading all links of a device with thousands of ports at each event.
bool LinuxDriver::is_configured(const Link& port) {
  const auto known = configured_ports_.find(port.name);
  if (known == configured_ports_.end() || known->second != port.index) return false;
  const auto vnid = port_map_.owner(port.name);
  if (!vnid || !port_map_.has_segment(*vnid)) return true;
  const auto bridge = read_link(sockets_.route, bridge_name(*vnid));
  return bridge && *bridge && (*bridge)->index == port.master;
}

// True if one of the links is wanted and does not exist. A link that the driver has replaced
// exists.
bool LinuxDriver::any_lost(const std::set<std::string>& links) {
  if (links.empty()) return false;
  for (const auto& [vnid, plan] : port_map_.plans()) {
    for (const std::string& name : {bridge_name(vnid), vxlan_name(vnid)}) {
      if (!links.contains(name)) continue;
      const auto link = read_link(sockets_.route, name);
      if (!link || !*link) return true;
    }
  }
  return false;
}

// True if all VXLAN devices and queues exist, which disappear with the underlay or their port. An
// event alone does not show this: a port also changes when a multicast group is joined there.
bool LinuxDriver::underlay_ready() {
  std::set<std::string> devices;
  for (const auto& [vnid, plan] : port_map_.plans()) devices.insert(vxlan_name(vnid));
  if (any_lost(devices)) return false;
  std::vector<std::string> made;
  return std::all_of(
      options_.queues.begin(), options_.queues.end(),
      [&](const QueueOptions& queue) { return ensure_port_queue(queue, made).has_value(); });
}

// The underlay and the ports with queues: the device's own ports that Tenet's objects depend on.
bool LinuxDriver::is_base_port(const std::string& port) const {
  if (port == options_.underlay.port) return !port_map_.plans().empty();
  return std::any_of(options_.queues.begin(), options_.queues.end(),
                     [&](const QueueOptions& queue) { return queue.port == port; });
}

// A port may appear after its VM was associated, and again each time the VM starts: puts it into
// its bridge, and adds its guard and its mirror.
void LinuxDriver::check_ports(const std::set<std::string>& ports) {
  SegmentPlans joining;
  for (const std::string& port : ports) {
    const auto vnid = port_map_.owner(port);
    const auto plan = vnid ? port_map_.plan(*vnid) : std::nullopt;
    if (!plan || excluded_.networks.contains(*vnid)) continue;
    joining.try_emplace(*vnid, SegmentPlan{plan->segment, plan->snooping, {}})
        .first->second.ports.insert(port);
  }
  for (const auto& [vnid, plan] : joining) {
    for (const Error& error : overlays_.ensure(vnid, plan)) {
      log::warning("port not added to its network",
                   {{"vnid", vnid.text()}, {"reason", error.text}});
    }
  }
  nft::Transaction transaction;
  if (add_ports(transaction, {})) {
    auto refused = commit(transaction);
    if (refused && refused->empty()) return;
  }
  drifted_();
}

}  // namespace tenet::device
