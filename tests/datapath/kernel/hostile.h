// The fixture for tests of hostile tenants, careless operators and failures: a device with its far
// ends, two networks, and helpers for VMs and packets.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "device-agent/datapath/linux/kernel/linux_driver.h"
#include "tests/datapath/kernel/world.h"
#include "tests/support/small_world.h"

namespace tenet::device {

inline const Vnid kRed(4096);
inline const Vnid kBlue(5000);
inline const Mac kBroadcast({0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
inline const Mac kOutside({0x52, 0x54, 0, 0, 1, 1});

IpAddress ip(const std::string& text);
Packet udp(const std::string& source, const std::string& destination, std::uint16_t port = 9);
// A VM with that number's MAC, 10.0.0.number and fd00::number.
VmPtr member(std::size_t number, const std::string& port);
struct Placed {
  Vnid vnid;
  std::size_t number;
  std::string port;
};
// The VMs, with id v1 for number 1, in networks that permit everything.
DatapathState hosting(const std::vector<Placed>& vms);
std::string bytes_of(const Mac& mac);
// The networks that are not completely in force. Empty if restore() failed.
std::set<Vnid> missing(const Result<Restored>& restored);

class HostileTest : public ::testing::Test {
 protected:
  HostileTest();

  // Applies the difference to `next`; fails the test if any of it is refused.
  void apply_state(const DatapathState& next);
  // The far ends that receive a frame with kPayload, for example "vm1 up0 ".
  std::string reached(const testing::FarEnd& from, const Mac& source, const Mac& destination,
                      const Packet& packet);
  std::string reached(const testing::FarEnd& from, const std::string& frame);

  static constexpr const char* kPayload = "hostile payload";

  testing::World world_;
  std::unique_ptr<LinuxDriver> driver_;
  testing::FarEnd vm1_;
  testing::FarEnd vm2_;
  testing::FarEnd vm3_;
  testing::FarEnd up_;
  DatapathState state_;
};

}  // namespace tenet::device
