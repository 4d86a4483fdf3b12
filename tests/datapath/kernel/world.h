// A device in a network namespace of its own: a bridge of the operator's, three guarded ports vm1
// to vm3, and the uplink up0. What goes in and out at the far ends is seen frame by frame.
#pragma once

#include <asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device-agent/datapath/linux/kernel/linux_driver.h"

namespace tenet::testing {

// Moves this process into a namespace of its own, once. Ends the program without the right to.
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
  // Returns when a frame is there, or after that time.
  void wait(int milliseconds) const;
  // Every frame that has come.
  std::vector<std::string> received() const;

 private:
  int fd_;
};

class World {
 public:
  World();   // makes links
  ~World();  // removes them, and everything of Tenet's
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // With the ports vm* guarded, and under0 as the underlay.
  std::unique_ptr<device::LinuxDriver> driver();
  asio::io_context& io() { return io_; }
  // Returns when every frame sent before has gone as far as it goes: one more is sent from aux0,
  // which is certain to arrive, and frames of one CPU keep their order.
  void settle();

 private:
  asio::io_context io_;
  std::unique_ptr<FarEnd> aux_;
  std::unique_ptr<FarEnd> configured_ports_;
  std::uint64_t settles_ = 0;
};

}  // namespace tenet::testing
