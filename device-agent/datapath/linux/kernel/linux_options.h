// What the configuration tells the Linux datapath.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/core/bitrate.h"

namespace tenet::device {

// Where VXLAN travels.
struct Underlay {
  std::string port;               // empty: no segments here
  std::uint16_t udp_port = 4789;  // RFC 7348 section 8
};

// A port whose egress is queued by class.
struct QueueOptions {
  std::string port;
  BitRate rate;  // of the port
};

struct LinuxOptions {
  std::string network_namespace = {};  // name or path; empty: our own
  // Where VMs are, and nobody else talks: exact names, or a prefix and an asterisk.
  std::vector<std::string> guarded_ports = {};
  Underlay underlay = {};
  std::vector<QueueOptions> queues = {};
};

}  // namespace tenet::device
