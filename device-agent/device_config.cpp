#include "device-agent/device_config.h"

#include "common/core/rule_element.h"
#include "common/core/text.h"
#include "common/core/vnid.h"
#include "common/runtime/config.h"
#include "common/runtime/log_config.h"
#include "common/xmpp/xmpp_config.h"

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
    out.open_driver = read_driver(datapath);
    out.repair_interval = datapath.duration("repair-interval", std::chrono::seconds(30));
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
