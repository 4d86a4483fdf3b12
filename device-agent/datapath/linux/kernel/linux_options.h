// The configuration of the Linux datapath, section datapath of device-agent.toml.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/core/bitrate.h"

namespace tenet::device {

// The network that carries VXLAN.
struct Underlay {
  std::string port;               // empty: virtual-network is unsupported
  std::uint16_t udp_port = 4789;  // RFC 7348 section 8
};

// A port whose egress traffic is queued by class (HTB).
struct QueueOptions {
  std::string port;
  BitRate rate;  // of the port, shared by the classes
};

struct LinuxOptions {
  std::string network_namespace = {};  // name below /run/netns, or path; empty: the process's own
  // Ports where only associated VMs have traffic: exact names, or a prefix and an asterisk.
  std::vector<std::string> guarded_ports = {};
  Underlay underlay = {};
  std::vector<QueueOptions> queues = {};
};

}  // namespace tenet::device
