#include "device-agent/device_config.h"

#include <algorithm>

#include "common/core/intent.h"
#include "common/core/text.h"
#include "common/core/vnid.h"
#include "common/runtime/config.h"
#include "common/runtime/log_config.h"
#include "common/xmpp/xmpp_config.h"
#include "device-agent/datapath/linux/program/port_names.h"

namespace tenet::device {
namespace {

using runtime::Section;

// "1-99" or "4096", as ids, VNIs.
std::vector<NumberRange> read_ranges(Section& section, std::string_view key) {
  std::vector<NumberRange> out;
  for (const std::string& text : section.texts(key)) {
    const auto pieces = split(text, '-');
    const auto first = parse_unsigned(pieces.front(), Vnid::kMaxId);
    const auto last = parse_unsigned(pieces.back(), Vnid::kMaxId);
    if (pieces.size() > 2 || !first || !last || *first > *last) {
      section.problem(key,
                      "'" + text + "' is no range; write numbers to 16777215, like 4096 or 1-99");
      continue;
    }
    out.push_back({static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*last)});
  }
  return out;
}

Baseline read_baseline(Section section) {
  Baseline out;
  out.reserved_vnids = read_ranges(section, "reserved-vnids");
  out.reserved_vnis = read_ranges(section, "reserved-vnis");
  for (const std::string& text : section.texts("reserved-groups")) {
    auto prefix = Prefix::parse(text);
    if (!prefix) {
      section.problem("reserved-groups", prefix.error().text);
    } else {
      out.reserved_groups.push_back(*prefix);
    }
  }
  for (Section& table : section.tables("rule")) {
    auto rule = parse_rule(table.element("rule", {}));
    if (!rule) {
      table.problem({}, rule.error().text);
    } else {
      out.rules.push_back(*rule);
    }
  }
  auto ordered = order_rules(std::move(out.rules));
  if (!ordered) {
    section.problem("rule", ordered.error().text);
  } else {
    out.rules = *std::move(ordered);
  }
  return out;
}

Capacity read_capacity(Section section) {
  Capacity out;
  out.networks = section.number("networks", out.networks);
  out.vms = section.number("vms", out.vms);
  out.acl_entries = section.number("acl-entries", out.acl_entries);
  out.multicast_groups = section.number("multicast-groups", out.multicast_groups);
  // Counted in whole seconds, as it is stored: 500ms become 1s.
  out.reservation_timeout = std::chrono::ceil<std::chrono::seconds>(
      section.duration("reservation-timeout", out.reservation_timeout));
  const auto rate = [](Section& from, std::string_view key, std::uint64_t fallback) {
    return from.parsed<BitRate>(key, BitRate(fallback), BitRate::parse).bits_per_second();
  };
  out.port_bandwidth = rate(section, "port-bandwidth", out.port_bandwidth);
  for (Section& port : section.tables("port")) {
    const std::string name = port.required_text("name");
    if (!port.has("bandwidth")) port.problem("bandwidth", "the key is missing");
    const std::uint64_t bandwidth = rate(port, "bandwidth", 0);
    if (!out.ports.emplace(name, bandwidth).second) {
      port.problem("name", "the port " + name + " is there twice");
    }
  }
  return out;
}

// The name of a port, or its beginning and an asterisk.
bool is_pattern(std::string_view text) {
  if (text.ends_with('*')) text.remove_suffix(1);
  return nft::is_port_name(text);
}

std::string read_port(Section& section, std::string_view key) {
  std::string name = section.text(key);
  if (!name.empty() && !nft::is_port_name(name)) {
    section.problem(key, "'" + name + "' is no name of a port: " + std::string(nft::kPortNameForm));
  }
  return name;
}

// Whether a name with that prefix can be one of the pattern.
bool overlap(std::string_view pattern, std::string_view prefix) {
  if (!pattern.ends_with('*')) return pattern.starts_with(prefix);
  pattern.remove_suffix(1);
  return pattern.starts_with(prefix) || prefix.starts_with(pattern);
}

LinuxOptions read_linux(Section& section) {
  LinuxOptions out;
  out.network_namespace = section.text("network-namespace");
  out.underlay.port = read_port(section, "underlay");
  out.underlay.udp_port =
      static_cast<std::uint16_t>(section.number("vxlan-port", out.underlay.udp_port, 1, 65535));
  for (const std::string& pattern : section.texts("guarded-ports")) {
    if (!is_pattern(pattern)) {
      section.problem("guarded-ports", "'" + pattern +
                                           "' is no name of a port, nor the beginning of one "
                                           "and an asterisk, like vm* or eth1");
    }
    for (const std::string_view own : {nft::kBridgePrefix, nft::kVxlanPrefix}) {
      if (!overlap(pattern, own)) continue;
      section.problem("guarded-ports", "'" + pattern + "' covers names that Tenet gives links of " +
                                           "its own: " + std::string(own) + "...");
    }
    out.guarded_ports.push_back(pattern);
  }
  if (nft::is_guarded(out.guarded_ports, out.underlay.port)) {
    section.problem("underlay", "the port " + out.underlay.port +
                                    " is among the guarded ports, where only VMs talk");
  }
  for (Section& queue : section.tables("queue")) {
    const std::string port = read_port(queue, "port");
    if (port.empty()) queue.problem("port", "the key is missing");
    if (!queue.has("rate")) queue.problem("rate", "the key is missing");
    const bool twice = std::any_of(out.queues.begin(), out.queues.end(),
                                   [&](const QueueOptions& other) { return other.port == port; });
    if (twice) queue.problem("port", "the port " + port + " is there twice");
    out.queues.push_back({port, queue.parsed<BitRate>("rate", BitRate(1), BitRate::parse)});
  }
  return out;
}

Result<DeviceConfig> read_file(Result<runtime::ConfigFile> file) {
  if (!file) return fail(file.error());
  DeviceConfig out;
  {
    Section root = file->root();
    out.xmpp = xmpp::read_xmpp(root.table("xmpp"), "device-agent");
    out.log = runtime::read_log(root.table("log"));
    Section agent = root.table("agent");
    out.operators = xmpp::read_accounts(agent, "operators");
    out.state = agent.text("state", "/var/lib/tenet/device-agent.db");
    out.servers = xmpp::read_peers(root, "server", "server-agent");
    Section datapath = root.table("datapath");
    out.driver = datapath.choice("driver", {"record", "linux"}, "record");
    out.linux_datapath = read_linux(datapath);
    out.repair_interval = datapath.duration("repair-interval", std::chrono::seconds(30));
    out.record_file = datapath.text("record-file");
    out.unsupported = datapath.texts("unsupported");
    for (const std::string& name : out.unsupported) {
      if (std::find(kIntentNames.begin(), kIntentNames.end(), name) != kIntentNames.end()) continue;
      datapath.problem("unsupported", "there is no intent " + name + "; known are " +
                                          join({kIntentNames.begin(), kIntentNames.end()}, ", "));
    }
    out.capacity = read_capacity(root.table("capacity"));
    out.baseline = read_baseline(root.table("baseline"));
  }
  if (auto finished = file->finish(); !finished) return fail(finished.error());
  return out;
}

}  // namespace

Result<DeviceConfig> load_device_config(const std::string& path) {
  return read_file(runtime::ConfigFile::load(path));
}

Result<DeviceConfig> parse_device_config(std::string_view text, const std::string& path) {
  return read_file(runtime::ConfigFile::parse(text, path));
}

}  // namespace tenet::device
