#include "device-agent/datapath/linux/linux_driver.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/runtime/log.h"
#include "device-agent/datapath/linux/probe.h"
#include "device-agent/datapath/linux/program.h"

namespace tenet::device {
namespace {

// The kernel is not in the state that we left it in.
bool means_drift(int number) {
  return number == ENOENT || number == EEXIST || number == EBUSY;
}

std::vector<std::string> counted_texts(const nft::Transaction& transaction) {
  std::map<std::string, std::size_t> counts;
  for (const auto& step : transaction.steps()) {
    if (std::holds_alternative<nft::RemoveTable>(step.change)) {
      // What follows is all of the table again.
      return {"table " + step.table.name};
    }
    // The rules say which chain; that it was emptied first is no news.
    if (std::holds_alternative<nft::FlushChain>(step.change)) continue;
    if (const auto* rule = std::get_if<nft::AddRule>(&step.change)) {
      counts["chain " + rule->chain] = 1;
    } else {
      ++counts[nft::text(step.change)];
    }
  }
  if (counts.contains("table")) return {"table"};
  std::vector<std::string> out;
  for (const auto& [text, count] : counts) {
    out.push_back(count == 1 ? text : text + " (" + std::to_string(count) + ")");
  }
  return out;
}

// What tells a member's elements: they are where a refused element is to be found.
bool has_element(const nft::Table& table, const std::string& set, const nft::Element& element) {
  const auto found = table.elements.find(set);
  return found != table.elements.end() &&
         std::find(found->second.begin(), found->second.end(), element) != found->second.end();
}

Error no_sensor(const std::string& sensor) {
  return {Code::unsupported,
          "the sensor port " + sensor + " is not there",
          {.entry = "intrusion-detection sensor " + sensor}};
}

std::string change_text(const nft::Transaction::Refusal& refusal) {
  return refusal.step == nullptr ? "the transaction" : nft::text(refusal.step->change);
}

}  // namespace

Result<std::unique_ptr<LinuxDriver>> LinuxDriver::open(asio::io_context& io, LinuxOptions options) {
  const std::string& where = options.network_namespace;
  auto netfilter = NetlinkSocket::open(NETLINK_NETFILTER, where);
  if (!netfilter) return fail(netfilter.error());
  auto route = NetlinkSocket::open(NETLINK_ROUTE, where);
  if (!route) return fail(route.error());
  auto events = NetlinkSocket::open(NETLINK_ROUTE, where, RTMGRP_LINK);
  if (!events) return fail(events.error());
  auto capabilities = probe(*netfilter, *route, options.underlay);
  if (!capabilities) return fail(capabilities.error());
  return std::unique_ptr<LinuxDriver>(new LinuxDriver(
      io, std::move(options), {*std::move(netfilter), *std::move(route), *std::move(events)},
      *std::move(capabilities)));
}

LinuxDriver::LinuxDriver(asio::io_context& io, LinuxOptions options, Sockets sockets,
                         Capabilities capabilities)
    : options_(std::move(options)),
      sockets_(std::move(sockets)),
      capabilities_(std::move(capabilities)),
      segments_(sockets_.route, options_.underlay),
      // A descriptor of its own, since both close theirs.
      events_(io, ::dup(sockets_.events.fd())) {}

// ---- restore ---------------------------------------------------------------------------------

nft::Table LinuxDriver::wanted_table(const DatapathState& wanted) const {
  nft::Table out = nft::frame(options_.guarded_ports);
  for (const auto& [vnid, intents] : wanted.networks) out.add(nft::network_part(vnid, intents));
  for (const auto& [key, vm] : wanted.members) out.add(nft::member_part(key.vnid, *vm));
  for (const auto& [port, vnid] : layout_.ports()) out.add(nft::port_part(vnid, port));
  return out;
}

Result<std::vector<nft::Transaction::Refusal>> LinuxDriver::commit(
    const nft::Transaction& transaction) {
  if (transaction.empty()) return std::vector<nft::Transaction::Refusal>();
  auto refused = transaction.commit(sockets_.netfilter);
  const auto known = std::exchange(generation_, std::nullopt);
  auto now = nft::read_generation(sockets_.netfilter);
  if (!refused || !now || !known) return refused;
  if (refused->empty()) {
    // Ours was one. Another that came with it has to be looked at.
    if (*now == *known + 1) generation_ = *now;
  } else if (!means_drift(refused->front().number)) {
    generation_ = known;
  }
  return refused;
}

Result<void> LinuxDriver::add_table(nft::Transaction& out, const DatapathState& state) {
  const nft::Table wanted = wanted_table(state);
  auto now = nft::read_table(sockets_.netfilter, nft::bridge_table());
  if (!now) return fail(now.error());
  if (*now && nft::same_frame(**now, wanted)) {
    out.add(nft::bridge_table(), nft::difference(**now, wanted));
    return {};
  }
  // One transaction: packets see the old table or the new one.
  if (*now) out.add(nft::bridge_table(), nft::RemoveTable{});
  out.add(nft::bridge_table(), nft::creation(wanted));
  // What packets had told goes with the table; without their leases VMs would be cut off.
  std::set<nft::Bytes> unaddressed;
  for (const auto& [key, vm] : state.members) {
    if (vm->addresses.empty()) unaddressed.insert(nft::lease_prefix(vm->mac));
  }
  for (const nft::Element& lease : leases_) {
    if (!unaddressed.contains(nft::lease_prefix(lease))) continue;
    out.add(nft::bridge_table(), nft::AddElement{std::string(nft::kLeases), lease});
  }
  return {};
}

// The kernel drops what hangs on a port together with the port, so it is always asked. Ports and
// sensors that are not there join when they come.
Result<std::vector<Error>> LinuxDriver::add_mirrors(nft::Transaction& out) {
  auto now = nft::read_table(sockets_.netfilter, nft::mirror_table());
  if (!now) return fail(now.error());
  std::vector<Error> missing;
  nft::Table wanted;
  for (const auto& [port, sensor] : layout_.mirrored()) {
    auto target = read_link(sockets_.route, sensor);
    if (!target) return fail(target.error());
    if (!*target) {
      missing.push_back(no_sensor(sensor));
      continue;
    }
    auto link = read_link(sockets_.route, port);
    if (!link) return fail(link.error());
    if (*link) wanted.add(nft::mirror_part(port, (*target)->index));
  }
  if (wanted.chains.empty()) {
    if (*now) out.add(nft::mirror_table(), nft::RemoveTable{});
  } else if (*now && nft::same_frame(**now, wanted)) {
    out.add(nft::mirror_table(), nft::difference(**now, wanted));
  } else {
    if (*now) out.add(nft::mirror_table(), nft::RemoveTable{});
    out.add(nft::mirror_table(), nft::creation(wanted));
  }
  return missing;
}

Result<std::vector<std::string>> LinuxDriver::restore(const DatapathState& wanted) {
  Layout before = std::exchange(layout_, Layout(wanted));
  auto repaired = make(wanted);
  if (!repaired) layout_ = std::move(before);
  return repaired;
}

Result<std::vector<std::string>> LinuxDriver::make(const DatapathState& wanted) {
  const auto refusals = layout_.refusals(difference({}, wanted), options_.guarded_ports);
  if (!refusals.empty()) return fail(refusals.front().error);
  nft::Transaction transaction;
  // A table that nobody has touched need not be read, however large it is.
  auto before = nft::read_generation(sockets_.netfilter);
  if (!before) return fail(before.error());
  if (generation_ != *before) {
    generation_ = std::nullopt;
    if (auto added = add_table(transaction, wanted); !added) return fail(added.error());
  }
  auto missing = add_mirrors(transaction);
  if (!missing) return fail(missing.error());
  generation_ = *before;
  auto refused = commit(transaction);
  if (!refused) return fail(refused.error());
  if (!refused->empty()) {
    generation_ = std::nullopt;
    return fail(Code::unsupported, "the kernel refuses " + change_text(refused->front()) + ": " +
                                       std::strerror(refused->front().number));
  }
  auto leases =
      nft::read_elements(sockets_.netfilter, nft::bridge_table(), std::string(nft::kLeases));
  if (!leases) return fail(leases.error());
  leases_ = *std::move(leases);
  std::vector<std::string> repaired = counted_texts(transaction);
  // Rules come before ports, so that no port is open for a moment. What one network lacks shall not
  // keep the others waiting.
  if (auto links = segments_.restore(layout_.plans(), repaired); !links) {
    missing->push_back(links.error());
  }
  for (const QueueOptions& queue : options_.queues) {
    if (auto made = make_queue(queue, repaired); !made) missing->push_back(made.error());
  }
  if (missing->empty()) return repaired;
  Error error = missing->front();
  for (std::size_t i = 1; i < missing->size(); ++i) error.text += "; " + (*missing)[i].text;
  return fail(error);
}

Result<void> LinuxDriver::make_queue(const QueueOptions& queue,
                                     std::vector<std::string>& repaired) {
  auto port = read_link(sockets_.route, queue.port);
  if (!port) return fail(port.error());
  if (!*port) return {};
  auto made = ensure_queue(sockets_.route, (*port)->index, queue);
  if (!made) return fail(made.error());
  if (*made) repaired.push_back("queue of port " + queue.port);
  return {};
}

// ---- apply -----------------------------------------------------------------------------------

std::vector<DriverRefusal> LinuxDriver::apply(const DatapathDelta& delta) {
  if (delta.empty()) return {};
  SegmentPlans before;
  for (const Vnid vnid : touched(delta)) {
    if (auto plan = layout_.plan(vnid)) before.emplace(vnid, *std::move(plan));
  }
  PortOwners owners;
  for (const auto& [key, change] : delta.members) {
    for (const VmPtr& vm : {change.before, change.after}) {
      if (vm && !vm->port.empty()) owners[vm->port] = layout_.owner(vm->port);
    }
  }
  layout_.apply(delta);
  auto refusals = layout_.refusals(delta, options_.guarded_ports);
  if (refusals.empty()) refusals = missing_sensors(delta);
  if (refusals.empty()) refusals = enforce(delta, before, owners);
  if (!refusals.empty()) layout_.apply(delta.reversed());
  return refusals;
}

std::vector<DriverRefusal> LinuxDriver::missing_sensors(const DatapathDelta& delta) {
  std::vector<DriverRefusal> out;
  for (const auto& [vnid, change] : delta.networks) {
    const Mirror* mirror = change.after ? find_intent<Mirror>(*change.after) : nullptr;
    if (mirror == nullptr) continue;
    auto link = read_link(sockets_.route, mirror->sensor);
    if (!link) {
      out.push_back({vnid, link.error()});
    } else if (!*link) {
      out.push_back({vnid, no_sensor(mirror->sensor)});
    }
  }
  return out;
}

std::vector<DriverRefusal> LinuxDriver::enforce(const DatapathDelta& delta,
                                                const SegmentPlans& before,
                                                const PortOwners& owners) {
  const auto everybody = [&](const Error& error) {
    std::vector<DriverRefusal> out;
    for (const auto& [vnid, change] : delta.networks) out.push_back({vnid, error});
    for (const auto& [key, change] : delta.members) out.push_back({key, error});
    return out;
  };
  nft::Table from;
  nft::Table to;
  for (const auto& [vnid, change] : delta.networks) {
    if (change.before) from.add(nft::network_part(vnid, *change.before));
    if (change.after) to.add(nft::network_part(vnid, *change.after));
  }
  for (const auto& [key, change] : delta.members) {
    if (change.before) from.add(nft::member_part(key.vnid, *change.before));
    if (change.after) to.add(nft::member_part(key.vnid, *change.after));
  }
  for (const auto& [port, owner] : owners) {
    if (owner) from.add(nft::port_part(*owner, port));
    if (const auto now = layout_.owner(port)) to.add(nft::port_part(*now, port));
  }
  nft::Transaction transaction;
  transaction.add(nft::bridge_table(), nft::difference(std::move(from), std::move(to)));
  if (auto added = add_forgotten_leases(transaction, delta); !added) {
    return everybody(added.error());
  }
  const bool mirrors =
      layout_.mirrors() || std::any_of(delta.networks.begin(), delta.networks.end(), [](auto& n) {
        return n.second.before && find_intent<Mirror>(*n.second.before) != nullptr;
      });
  if (mirrors) {
    if (auto added = add_mirrors(transaction); !added) return everybody(added.error());
  }
  auto refusals = extend_segments(delta, before);
  if (!refusals.empty()) return refusals;
  auto refused = commit(transaction);
  if (refused && refused->empty()) {
    shrink_segments(before);
    return {};
  }
  undo_segments(delta, before);
  return refused ? explain_refusal(delta, *refused) : everybody(refused.error());
}

// Bridges and ports come before the rules, behind guards that stand already.
std::vector<DriverRefusal> LinuxDriver::extend_segments(const DatapathDelta& delta,
                                                        const SegmentPlans& before) {
  for (const Vnid vnid : touched(delta)) {
    const auto plan = layout_.plan(vnid);
    const auto old = before.find(vnid);
    if (!plan || (old != before.end() && old->second == *plan)) continue;
    auto made = segments_.ensure(vnid, *plan);
    if (made) continue;
    undo_segments(delta, before);
    if (delta.networks.contains(vnid)) return {{vnid, made.error()}};
    // No network is new, so it is a port.
    std::vector<DriverRefusal> out;
    for (const auto& [key, change] : delta.members) {
      if (key.vnid != vnid || !change.after) continue;
      const std::string& culprit = made.error().witness.entry;
      if (culprit.empty() || culprit == "port " + change.after->port) {
        out.push_back({key, made.error()});
      }
    }
    if (out.empty()) out.push_back({vnid, made.error()});
    return out;
  }
  return {};
}

void LinuxDriver::undo_segments(const DatapathDelta& delta, const SegmentPlans& before) {
  const auto report = [](const Result<void>& done) {
    if (!done) log::error("a refused change left links behind", {{"reason", done.error().text}});
  };
  for (const auto& [vnid, plan] : before) report(segments_.ensure(vnid, plan));
  for (const Vnid vnid : touched(delta)) {
    const auto plan = layout_.plan(vnid);
    const auto old = before.find(vnid);
    if (plan) report(segments_.remove(vnid, *plan, old == before.end() ? nullptr : &old->second));
  }
}

void LinuxDriver::shrink_segments(const SegmentPlans& before) {
  for (const auto& [vnid, old] : before) {
    const auto plan = layout_.plan(vnid);
    if (plan && *plan == old) continue;
    auto removed = segments_.remove(vnid, old, plan ? &*plan : nullptr);
    if (removed) continue;
    // Nothing passes there any more; the next repair tries again.
    log::warning("links of a network are left",
                 {{"vnid", vnid.text()}, {"reason", removed.error().text}});
  }
}

// A lease ends with its VM, so that the MAC's next owner does not inherit it.
Result<void> LinuxDriver::add_forgotten_leases(nft::Transaction& out, const DatapathDelta& delta) {
  std::set<nft::Bytes> gone;
  for (const auto& [key, change] : delta.members) {
    if (!change.before || !change.before->addresses.empty()) continue;
    const bool stays =
        change.after && change.after->mac == change.before->mac && change.after->addresses.empty();
    if (!stays) gone.insert(nft::lease_prefix(change.before->mac));
  }
  if (gone.empty()) return {};
  auto leases =
      nft::read_elements(sockets_.netfilter, nft::bridge_table(), std::string(nft::kLeases));
  if (!leases) return fail(leases.error());
  for (nft::Element& lease : *leases) {
    if (!gone.contains(nft::lease_prefix(lease))) continue;
    out.add(nft::bridge_table(),
            nft::RemoveElement{std::string(nft::kLeases), {std::move(lease.key)}});
  }
  return {};
}

std::vector<DriverRefusal> LinuxDriver::explain_refusal(
    const DatapathDelta& delta, const std::vector<nft::Transaction::Refusal>& refused) const {
  const auto& first = refused.front();
  Error error{means_drift(first.number) ? Code::io : Code::unsupported,
              "the kernel refuses " + change_text(first) + ": " + std::strerror(first.number)};
  std::vector<DriverRefusal> out;
  if (first.step != nullptr) {
    const nft::Change& change = first.step->change;
    std::optional<Vnid> vnid;
    if (const auto* rule = std::get_if<nft::AddRule>(&change)) vnid = nft::chain_vnid(rule->chain);
    if (const auto* chain = std::get_if<nft::AddChain>(&change)) {
      vnid = nft::chain_vnid(chain->name);
    }
    if (vnid && delta.networks.contains(*vnid)) out.push_back({*vnid, error});
    if (const auto* added = std::get_if<nft::AddElement>(&change)) {
      for (const auto& [key, member] : delta.members) {
        if (member.after &&
            has_element(nft::member_part(key.vnid, *member.after), added->set, added->element)) {
          out.push_back({key, error});
        }
      }
    }
  }
  if (!out.empty()) return out;
  for (const auto& [vnid, change] : delta.networks) out.push_back({vnid, error});
  for (const auto& [key, change] : delta.members) out.push_back({key, error});
  return out;
}

Result<std::vector<Lease>> LinuxDriver::leases() {
  auto elements =
      nft::read_elements(sockets_.netfilter, nft::bridge_table(), std::string(nft::kLeases));
  if (!elements) return fail(elements.error());
  std::vector<Lease> out;
  for (const nft::Element& element : *elements) {
    std::array<std::uint8_t, 6> mac{};
    std::copy_n(element.key.begin(), mac.size(), mac.begin());
    out.push_back({Mac(mac), nft::leased_address(element.key)});
  }
  return out;
}

// ---- events ----------------------------------------------------------------------------------

void LinuxDriver::watch(std::function<void()> drifted) {
  drifted_ = std::move(drifted);
  await_events();
}

void LinuxDriver::await_events() {
  events_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& e) {
    if (e) return;
    on_events();
    await_events();
  });
}

// A port that a VM names comes and goes with the VM; links of ours never go by themselves.
void LinuxDriver::on_events() {
  std::set<std::string> ports;
  bool lost = false;
  const bool whole = sockets_.events.drain([&](const nlmsghdr* message) {
    const auto link = parse_link(message);
    if (!link) return;
    if (layout_.owner(link->name) || layout_.is_sensor(link->name)) {
      ports.insert(link->name);
    } else if (link->ours() && message->nlmsg_type == RTM_DELLINK) {
      for (const auto& [vnid, plan] : layout_.plans()) {
        lost = lost || bridge_name(vnid) == link->name || vxlan_name(vnid) == link->name;
      }
    } else if (message->nlmsg_type == RTM_NEWLINK && is_foundation(link->name)) {
      // Also when only its state changes, which is rare.
      lost = true;
    }
  });
  if (lost || !whole) return drifted_();
  if (!ports.empty()) check_ports(ports);
}

// The ports that are the device's own, and on which ours stand.
bool LinuxDriver::is_foundation(const std::string& port) const {
  if (port == options_.underlay.port) return !layout_.plans().empty();
  return std::any_of(options_.queues.begin(), options_.queues.end(),
                     [&](const QueueOptions& queue) { return queue.port == port; });
}

void LinuxDriver::check_ports(const std::set<std::string>& ports) {
  std::set<Vnid> networks;
  for (const std::string& port : ports) {
    if (const auto vnid = layout_.owner(port)) networks.insert(*vnid);
  }
  for (const Vnid vnid : networks) {
    const auto plan = layout_.plan(vnid);
    if (!plan) continue;
    if (auto done = segments_.ensure(vnid, *plan); !done) {
      log::warning("a port does not join its network",
                   {{"vnid", vnid.text()}, {"reason", done.error().text}});
    }
  }
  if (!layout_.mirrors()) return;
  nft::Transaction transaction;
  if (add_mirrors(transaction)) {
    auto refused = commit(transaction);
    if (refused && refused->empty()) return;
  }
  drifted_();
}

}  // namespace tenet::device
