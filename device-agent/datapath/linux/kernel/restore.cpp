// LinuxDriver: the kernel as it is to be, whatever it was.
#include <cstring>
#include <future>
#include <iterator>
#include <limits>
#include <utility>

#include "common/core/text.h"
#include "common/observe/log.h"
#include "device-agent/datapath/linux/kernel/linux_driver.h"
#include "device-agent/datapath/linux/program/load_chunks.h"
#include "device-agent/datapath/linux/program/program.h"

namespace tenet::device {
namespace {

std::string name_of(const nft::TableName& table) {
  switch (table.family) {
    case nft::TableFamily::bridge:
      return "table bridge " + table.name;
    case nft::TableFamily::netdev:
      return "table netdev " + table.name;
    case nft::TableFamily::inet:
      return "table inet " + table.name;
    default:
      return "table arp " + table.name;
  }
}

// What of our tables differed. Of a table that was lost, its name says all.
std::vector<std::string> counted_texts(const nft::Transaction& transaction) {
  std::map<std::string, std::size_t> counts;
  std::set<std::string> lost;
  for (const auto& step : transaction.steps()) {
    const std::string table = name_of(step.table);
    const bool whole = std::holds_alternative<nft::RemoveTable>(step.change) ||
                       std::holds_alternative<nft::AddTable>(step.change);
    if (whole && lost.insert(table).second) counts[table] = 1;
    // The rules say which chain; that it was emptied first is no news.
    if (lost.contains(table) || std::holds_alternative<nft::FlushChain>(step.change)) continue;
    if (const auto* rule = std::get_if<nft::AddRule>(&step.change)) {
      counts["chain " + rule->chain] = 1;
    } else {
      ++counts[nft::text(step.change)];
    }
  }
  std::vector<std::string> out;
  out.reserve(counts.size());
  for (const auto& [text, count] : counts) {
    out.push_back(count == 1 ? text : text + " (" + std::to_string(count) + ")");
  }
  return out;
}

// `now` becomes `wanted`, or all of it is made again: packets see the old table or the new one.
// True if it is made again.
bool add_table(nft::Transaction& out, const nft::TableName& name, std::optional<nft::Table> now,
               nft::Table wanted, bool anew) {
  if (now && !anew && nft::same_frame(*now, wanted)) {
    out.add(name, nft::difference(*std::move(now), std::move(wanted)));
    return false;
  }
  if (now) out.add(name, nft::RemoveTable{});
  out.add(name, nft::creation(std::move(wanted)));
  return true;
}

// Networks with rules that this kernel does not know: it would refuse all that comes with them.
// Segments and snooping are links. Those fail one by one, and rules and the VMs of this device do
// without.
std::vector<DriverRefusal> beyond(const Capabilities& capabilities, const DatapathState& wanted) {
  std::vector<DriverRefusal> out;
  for (const auto& [vnid, intents] : wanted.networks) {
    for (const Intent& intent : intents) {
      const bool link =
          std::holds_alternative<Segment>(intent) || std::holds_alternative<IgmpSnoop>(intent);
      if (link || capabilities.supports(intent)) continue;
      out.push_back({vnid,
                     {Code::unsupported,
                      text(intent) + " cannot be enforced here: " +
                          capabilities.unsupported_because[intent.index()],
                      {.entry = std::string(intent_name(intent))}}});
      break;
    }
  }
  return out;
}

// Of a table that is there, what belongs to the frame: the rest of it is to stay.
void reduce(nft::Table& table, const nft::Table& frame) {
  std::erase_if(table.sets, [&](const auto& set) { return !frame.sets.contains(set.first); });
  std::erase_if(table.chains, [&](const auto& c) { return !frame.chains.contains(c.first); });
  table.elements.clear();
}

// What cannot be enforced at all is left out, and so has no traffic. It shall not keep the guards
// down, nor the other networks waiting.
DatapathState without(const DatapathState& wanted, const std::vector<DriverRefusal>& missing) {
  DatapathState out = wanted;
  for (const DriverRefusal& refusal : missing) {
    if (const auto* key = std::get_if<MemberKey>(&refusal.culprit)) {
      out.members.erase(*key);
      continue;
    }
    const Vnid vnid = std::get<Vnid>(refusal.culprit);
    out.networks.erase(vnid);
    std::erase_if(out.members, [&](const auto& m) { return m.first.vnid == vnid; });
  }
  return out;
}

LeftOut left_out(const DatapathState& all, const DatapathState& reduced,
                 const std::vector<DriverRefusal>& missing) {
  LeftOut out;
  for (const DriverRefusal& refusal : missing) {
    const auto* vnid = std::get_if<Vnid>(&refusal.culprit);
    if (vnid != nullptr) out.networks.try_emplace(*vnid, refusal.error);
  }
  for (const auto& [key, vm] : all.members) {
    if (reduced.members.contains(key)) continue;
    out.members.insert(key);
    if (!vm->port.empty()) out.ports.insert(vm->port);
  }
  return out;
}

// Rules and elements that come with the tables themselves, if there is nothing of ours. What is
// more comes in parts. Until they are there, packets of their VMs at guarded ports end at the
// guards, and those of others pass as if there was no table still.
constexpr std::size_t kFirstPart = 4096;

}  // namespace

Result<Restored> LinuxDriver::restore(const DatapathState& wanted) {
  layout_ = Layout(wanted);
  auto restored = make(wanted);
  // The layout speaks for all that is acknowledged, also for what could not be made again.
  lacking_ = !restored || !restored->missing.empty();
  if (lacking_) layout_ = Layout(wanted);
  return restored;
}

Result<Restored> LinuxDriver::make(const DatapathState& all) {
  Restored out;
  out.missing = layout_.refusals(all, options_.guarded_ports);
  auto unknown = beyond(capabilities_, all);
  std::move(unknown.begin(), unknown.end(), std::back_inserter(out.missing));
  DatapathState reduced;
  const LeftOut before = std::exchange(left_out_, {});
  if (!out.missing.empty()) {
    reduced = without(all, out.missing);
    left_out_ = left_out(all, reduced, out.missing);
    layout_ = Layout(reduced);
  }
  // What is not left out any more has to come, though nobody has touched the tables.
  if (left_out_ != before) generation_ = std::nullopt;
  auto repaired = commit_tables(out.missing.empty() ? all : reduced, false);
  if (!repaired) {
    raise_guards();
    return fail(repaired.error());
  }
  out.repaired = *std::move(repaired);
  auto leases =
      nft::read_elements(sockets_.netfilter, nft::bridge_table(), std::string(nft::kLeases));
  if (!leases) return fail(leases.error());
  leases_ = *std::move(leases);
  auto sensors = without_sensor();
  if (!sensors) return fail(sensors.error());
  std::move(sensors->begin(), sensors->end(), std::back_inserter(out.missing));
  // Rules come before ports, so that no port is open for a moment.
  auto segments = segments_.restore(layout_.plans(), out.repaired);
  if (!segments) return fail(segments.error());
  for (const auto& [vnid, error] : *segments) out.missing.push_back({vnid, error});
  for (const QueueOptions& queue : options_.queues) {
    if (auto made = make_queue(queue, out.repaired); !made) return fail(made.error());
  }
  return out;
}

Result<std::vector<std::string>> LinuxDriver::commit_tables(const DatapathState& wanted,
                                                            bool anew) {
  nft::Transaction transaction;
  auto before = nft::read_generation(sockets_.netfilter);
  if (!before) return fail(before.error());
  std::optional<nft::Parts> parts;
  // Tables that nobody has touched need not be read, however large they are.
  if (generation_ != *before || anew) {
    parts.emplace(wanted, layout_);
    auto added = add_tables(transaction, wanted, *parts, anew);
    if (!added) return fail(added.error());
  }
  if (auto ports = add_ports(transaction, {}); !ports) return fail(ports.error());
  generation_ = *before;
  auto refused = commit(transaction);
  if (!refused) return fail(refused.error());
  bool taken = refused->empty();
  if (taken && parts) {
    auto loaded = load(*parts);
    if (!loaded) return fail(loaded.error());
    taken = *loaded;
  }
  if (taken) return counted_texts(transaction);
  generation_ = std::nullopt;
  // Others may have left something that cannot be taken out piece by piece.
  if (!anew) return commit_tables(wanted, true);
  return fail(Code::unsupported, "the kernel refuses " + change_text(refused->front()) + ": " +
                                     std::strerror(refused->front().number));
}

// While the kernel takes one part, in the only other thread that there ever is, the next is made.
// The kernel needs twice as long. So each may be twice as large as the one before, and there are
// few, since with each the kernel looks at all chains.
Result<bool> LinuxDriver::load(nft::Parts& parts) {
  using Answer = Result<std::vector<NetlinkError>>;
  const auto known = std::exchange(generation_, std::nullopt);
  std::uint32_t transactions = 0;
  std::future<Answer> on_its_way;
  std::size_t bytes = 0;
  const auto arrive = [&]() -> Result<bool> {
    if (!on_its_way.valid()) return true;
    const Answer refused = on_its_way.get();
    if (!refused) return fail(refused.error());
    return refused->empty();
  };
  for (std::size_t size = 2 * kFirstPart; !parts.done(); size *= 2) {
    NetlinkMessages messages;
    messages.reserve(2 * bytes);
    nft::put_begin(messages);
    nft::put_part(messages, nft::bridge_table(), parts.next(size));
    nft::put_end(messages);
    bytes = messages.size();
    if (auto taken = arrive(); !taken || !*taken) return taken;
    ++transactions;
    on_its_way = std::async(
        [this, messages = std::move(messages)] { return sockets_.netfilter.transact(messages); });
  }
  if (auto taken = arrive(); !taken || !*taken) return taken;
  auto now = nft::read_generation(sockets_.netfilter);
  if (now && known && *now == *known + transactions) generation_ = *now;
  return true;
}

// All that the kernel lacks; only the first of `parts`, if it has nothing.
Result<void> LinuxDriver::add_tables(nft::Transaction& out, const DatapathState& wanted,
                                     nft::Parts& parts, bool anew) {
  auto stack = nft::read_table(sockets_.netfilter, nft::stack_table());
  if (!stack) return fail(stack.error());
  add_table(out, nft::stack_table(), *std::move(stack), nft::stack_frame(options_.guarded_ports),
            anew);
  auto arp = nft::read_table(sockets_.netfilter, nft::arp_table());
  if (!arp) return fail(arp.error());
  add_table(out, nft::arp_table(), *std::move(arp), nft::arp_frame(options_.guarded_ports), anew);
  auto bridge = nft::read_table(sockets_.netfilter, nft::bridge_table());
  if (!bridge) return fail(bridge.error());
  if (*bridge && (*bridge)->sets.contains(std::string(nft::kLeases))) {
    auto leases =
        nft::read_elements(sockets_.netfilter, nft::bridge_table(), std::string(nft::kLeases));
    if (leases) leases_ = *std::move(leases);
  }
  nft::Table table = nft::frame(options_.guarded_ports);
  table.add(parts.next(*bridge || anew ? std::numeric_limits<std::size_t>::max() : kFirstPart));
  if (add_table(out, nft::bridge_table(), *std::move(bridge), std::move(table), anew)) {
    add_leases(out, wanted);
  }
  return {};
}

// What packets had told goes with a table; without their leases VMs would be cut off.
void LinuxDriver::add_leases(nft::Transaction& out, const DatapathState& wanted) const {
  std::set<nft::Bytes> unaddressed;
  for (const auto& [key, vm] : wanted.members) {
    if (vm->addresses.empty()) unaddressed.insert(nft::lease_prefix(vm->mac));
  }
  for (const nft::Element& lease : leases_) {
    if (!unaddressed.contains(nft::lease_prefix(lease))) continue;
    out.add(nft::bridge_table(), nft::AddElement{std::string(nft::kLeases), lease});
  }
}

nft::Table LinuxDriver::port_guards(const Links& links) const {
  nft::Table out;
  for (const auto& [port, link] : links) {
    if (nft::is_guarded(options_.guarded_ports, port)) out.add(nft::guard_part(port));
  }
  return out;
}

// The kernel drops what hangs on a port together with the port, so it is always asked. Ports and
// sensors that are not there join when they come.
Result<void> LinuxDriver::add_ports(nft::Transaction& out, const DatapathDelta& delta) {
  auto now = nft::read_table(sockets_.netfilter, nft::port_table());
  if (!now) return fail(now.error());
  auto links = read_links(sockets_.route);
  if (!links) return fail(links.error());
  nft::Table wanted = port_guards(*links);
  settled_.clear();
  for (const auto& [port, link] : *links) {
    if (nft::is_guarded(options_.guarded_ports, port)) settled_[port] = link.index;
  }
  for (const auto& [port, sensor] : layout_.mirrored()) {
    const Vnid owner = *layout_.owner(port);
    if (left_out_.networks.contains(owner) && !delta.networks.contains(owner)) continue;
    const auto target = links->find(sensor);
    if (target != links->end() && links->contains(port)) {
      wanted.add(nft::mirror_part(port, target->second.index));
    }
  }
  if (!wanted.chains.empty()) {
    add_table(out, nft::port_table(), *std::move(now), std::move(wanted), false);
  } else if (*now) {
    out.add(nft::port_table(), nft::RemoveTable{});
  }
  return {};
}

// The kernel does not take what is wanted. Without it nobody is known: unknown means no traffic
// (law 10). What is in force besides stays so, but in a table whose frame cannot be made right
// within it.
void LinuxDriver::raise_guards() {
  std::vector<std::string> raised;
  const auto raise = [&](const std::vector<std::pair<nft::TableName, nft::Table>>& frames) {
    nft::Transaction transaction;
    for (const auto& [name, frame] : frames) {
      auto now = nft::read_table(sockets_.netfilter, name);
      if (!now) return;
      if (*now && nft::same_frame(**now, frame)) reduce(**now, frame);
      add_table(transaction, name, *std::move(now), frame, false);
    }
    const auto refused = commit(transaction);
    if (!refused || !refused->empty()) {
      log::error("the guards cannot be put up",
                 {{"reason", refused ? "the kernel refuses " + change_text(refused->front()) +
                                           ": " + std::strerror(refused->front().number)
                                     : describe(refused.error())}});
      return;
    }
    auto texts = counted_texts(transaction);
    std::move(texts.begin(), texts.end(), std::back_inserter(raised));
  };
  raise({{nft::stack_table(), nft::stack_frame(options_.guarded_ports)},
         {nft::arp_table(), nft::arp_frame(options_.guarded_ports)},
         {nft::bridge_table(), nft::frame(options_.guarded_ports)}});
  // Apart, since ports may go meanwhile.
  const auto links = read_links(sockets_.route);
  nft::Table ports = links ? port_guards(*links) : nft::Table();
  if (!ports.chains.empty()) raise({{nft::port_table(), std::move(ports)}});
  generation_ = std::nullopt;
  settled_.clear();
  if (!raised.empty()) log::warning("guards without networks", {{"made", join(raised, ", ")}});
}

void LinuxDriver::guard() {
  // Also a table with other guards is what somebody wanted.
  const auto now = nft::read_table(sockets_.netfilter, nft::bridge_table());
  if (now && !*now) raise_guards();
}

Result<std::vector<DriverRefusal>> LinuxDriver::without_sensor() {
  std::vector<DriverRefusal> out;
  for (const auto& [vnid, sensor] : layout_.sensors()) {
    auto link = read_link(sockets_.route, sensor);
    if (!link) return fail(link.error());
    if (!*link) out.push_back({vnid, no_sensor(sensor)});
  }
  return out;
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

}  // namespace tenet::device
