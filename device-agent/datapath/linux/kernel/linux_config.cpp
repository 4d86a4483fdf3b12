#include "device-agent/datapath/linux/kernel/linux_config.h"

#include <algorithm>

#include "common/core/bitrate.h"
#include "common/observe/log.h"
#include "device-agent/datapath/linux/kernel/linux_driver.h"
#include "device-agent/datapath/linux/program/port_names.h"

namespace tenet::device {
namespace {

using runtime::Section;

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

}  // namespace

OpenDriver read_linux_driver(Section& section) {
  return [options = read_linux(section)](asio::io_context& io) -> Result<std::unique_ptr<Driver>> {
    auto driver = LinuxDriver::open(io, options);
    if (!driver) return fail(driver.error());
    const auto& reasons = (*driver)->capabilities().unsupported_because;
    for (std::size_t i = 0; i < reasons.size(); ++i) {
      if (reasons.at(i).empty()) continue;
      log::info("not supported here",
                {{"intent", std::string(kIntentNames.at(i))}, {"reason", reasons.at(i)}});
    }
    return *std::move(driver);
  };
}

}  // namespace tenet::device
