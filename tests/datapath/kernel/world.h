// A device in its own network namespace: a bridge of the operator, the three guarded ports vm1 to
// vm3, and the uplink up0. Tests send and receive single frames at the far ends of the ports.
#pragma once

#include <asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device-agent/datapath/linux/kernel/linux_driver.h"

namespace tenet::testing {

// Moves this process into a new network namespace, once. Exits with 1 without the permission.
void enter_namespace();
// Runs a command of iproute2 or nftables. Fails the test if it fails.
void run(const std::string& command);
std::string output(const std::string& command);

// The far end of a port: an AF_PACKET socket.
class FarEnd {
 public:
  explicit FarEnd(const std::string& link);
  FarEnd(const FarEnd&) = delete;
  FarEnd& operator=(const FarEnd&) = delete;
  ~FarEnd();
  void send(const std::string& frame) const;
  // Returns when a frame has arrived, or after the timeout.
  void wait(int milliseconds) const;
  // All frames that have arrived since the last call.
  std::vector<std::string> received() const;

 private:
  int fd_;
};

class World {
 public:
  World();   // makes links
  ~World();  // removes them, and all of Tenet's objects
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // A driver that guards the ports vm*, with under0 as its underlay.
  std::unique_ptr<device::LinuxDriver> driver();
  asio::io_context& io() { return io_; }
  // Returns when all frames sent before have arrived or were dropped: sends another frame from
  // aux0, which always arrives. The process runs on one CPU, so frames keep their order.
  void settle();

 private:
  asio::io_context io_;
  std::unique_ptr<FarEnd> aux_;
  std::unique_ptr<FarEnd> configured_ports_;
  std::uint64_t settles_ = 0;
};

}  // namespace tenet::testing
