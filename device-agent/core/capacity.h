// What the device can grant, and what is granted (EP 2728470, step 402: the resources asked for).
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/bitrate.h"
#include "common/core/error.h"
#include "common/core/intent.h"

namespace tenet::device {

struct Capacity {
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t networks = kUnlimited;
  std::uint64_t vms = kUnlimited;          // associated, or pre-associated with reservation
  std::uint64_t acl_entries = kUnlimited;  // rules of all policies
  std::uint64_t multicast_groups = kUnlimited;
  // Sum of reserved bandwidth per port, in bit/s; VMs without a port share the port "".
  std::uint64_t port_bandwidth = kUnlimited;
  std::map<std::string, std::uint64_t, std::less<>> ports = {};  // ports with a figure of their own
  // How long reservations hold after the last sign of life of their server.
  std::chrono::seconds reservation_timeout = std::chrono::hours(1);

  std::uint64_t bandwidth_of(std::string_view port) const;
};

// How many VMs hold resources, by port.
using VmCountByPort = std::map<std::string, std::uint64_t, std::less<>>;

// What is granted. A sum over networks; adding and removing are exact inverses.
class Usage {
 public:
  // Wide enough for the sum of any number of rates.
  __extension__ using Sum = unsigned __int128;

  void add(const std::vector<Intent>& intents, const VmCountByPort& vms_by_port);
  void remove(const std::vector<Intent>& intents, const VmCountByPort& vms_by_port);
  // One VM more, or one less, of a network that is in the sum.
  void add_vm(const std::vector<Intent>& intents, const std::string& port);
  void remove_vm(const std::vector<Intent>& intents, const std::string& port);

  struct Row {
    std::string capacity;  // "acl-entries", "bandwidth of port eth1"
    std::uint64_t used = 0;
    std::uint64_t limit = 0;
  };
  // One row per capacity, and one per port that is configured or used.
  std::vector<Row> rows(const Capacity& capacity) const;

  // The counters, and the bandwidth of those ports, for exceeded().
  struct Snapshot {
    std::uint64_t networks = 0;
    std::uint64_t vms = 0;
    std::uint64_t acl_entries = 0;
    std::uint64_t groups = 0;
    std::map<std::string, Sum, std::less<>> bandwidth = {};
  };
  Snapshot snapshot(const std::set<std::string>& ports) const;
  // no-resources if a capacity is exceeded and less of it was used before. A capacity that was
  // exceeded already, because the configuration has become smaller, does not refuse the change.
  // Looks at the counters and at the ports of the snapshot.
  std::optional<Error> exceeded(const Snapshot& before, const Capacity& capacity) const;

 private:
  void add_bandwidth(const std::string& port, Sum rate);
  void remove_bandwidth(const std::string& port, Sum rate);

  std::uint64_t networks_ = 0;
  std::uint64_t vms_ = 0;
  std::uint64_t acl_entries_ = 0;
  std::map<IpAddress, std::uint64_t> groups_;          // how many networks use each
  std::map<std::string, Sum, std::less<>> bandwidth_;  // bit/s by port, never zero
};

}  // namespace tenet::device
