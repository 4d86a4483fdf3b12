// LinuxDriver: ports that come and go, and links that others take away.
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
  bool foundation = false;
  bool sensor_went = false;
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
      sensor_went = sensor_went || (sensor && message->nlmsg_type == RTM_DELLINK);
    } else if (link->ours() && message->nlmsg_type == RTM_DELLINK) {
      gone.insert(link->name);
    } else if (message->nlmsg_type == RTM_NEWLINK && is_base_port(link->name)) {
      foundation = true;
    }
  });
  // What they are now: a port that joins a bridge is first told to be in none.
  for (const auto& [port, link] : changed) {
    if (!is_configured(link)) ports.insert(port);
  }
  // What could not be enforced may be so now.
  const bool found = incomplete_ && (foundation || !ports.empty());
  if (!whole || sensor_went || found || any_lost(gone) || (foundation && !underlay_ready())) {
    return drifted_();
  }
  if (!ports.empty()) check_ports(ports);
}

// Most events are echoes of our own: a VM's port joined its bridge. Those of a device with
// thousands of ports shall not be compared with all of them each time.
bool LinuxDriver::is_configured(const Link& port) {
  const auto known = configured_ports_.find(port.name);
  if (known == configured_ports_.end() || known->second != port.index) return false;
  const auto vnid = port_map_.owner(port.name);
  if (!vnid || !port_map_.has_segment(*vnid)) return true;
  const auto bridge = read_link(sockets_.route, bridge_name(*vnid));
  return bridge && *bridge && (*bridge)->index == port.master;
}

// Whether a link is wanted and not there; one that we made again is.
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

// Whether what stands on the underlay and on the queues' ports does so. The events say little: a
// port changes also when somebody joins a group there.
bool LinuxDriver::underlay_ready() {
  std::set<std::string> devices;
  for (const auto& [vnid, plan] : port_map_.plans()) devices.insert(vxlan_name(vnid));
  if (any_lost(devices)) return false;
  std::vector<std::string> made;
  return std::all_of(
      options_.queues.begin(), options_.queues.end(),
      [&](const QueueOptions& queue) { return make_queue(queue, made).has_value(); });
}

// The ports that are the device's own, and on which ours stand.
bool LinuxDriver::is_base_port(const std::string& port) const {
  if (port == options_.underlay.port) return !port_map_.plans().empty();
  return std::any_of(options_.queues.begin(), options_.queues.end(),
                     [&](const QueueOptions& queue) { return queue.port == port; });
}

// A port comes and goes with its VM, and finds its bridge, its guard and its copies again.
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
      log::warning("a port does not join its network",
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
