// A netlink socket (RFC 3549) in a network namespace, on libmnl. The kernel answers within the send
// call, so no function here waits.
#pragma once

#include <libmnl/libmnl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/core/error.h"

namespace tenet::device {

// One or more requests in one buffer.
class NetlinkMessages {
 public:
  // Appends a message of at most kMaxMessage bytes, which `write` fills, header included.
  // `sequence` counts the messages of this buffer from 0.
  void append(const std::function<void(char* buffer, std::uint32_t sequence)>& write);
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  const char* data() const { return bytes_.data(); }
  std::size_t size() const { return bytes_.size(); }

  static constexpr std::size_t kMaxMessage = 65536;

 private:
  std::vector<char> bytes_;
  std::uint32_t count_ = 0;
};

struct NetlinkError {
  std::uint32_t sequence = 0;  // of the refused message, from 0
  int number = 0;              // errno
};

class NetlinkSocket {
 public:
  // `bus`: NETLINK_ROUTE or NETLINK_NETFILTER. `network_namespace`: a name below /run/netns, a
  // path, or empty for the process's own. `groups`: multicast groups to join, as a bit mask.
  // Errors: io.
  static Result<NetlinkSocket> open(int bus, const std::string& network_namespace,
                                    unsigned groups = 0);

  int fd() const { return mnl_socket_get_fd(socket_.get()); }
  // Sends all messages; at least one must ask for an acknowledgement. Returns the kernel's
  // refusals; passes other answers to `receive`. Errors: io.
  Result<std::vector<NetlinkError>> transact(
      const NetlinkMessages& messages,
      const std::function<void(const nlmsghdr*)>& receive = [](const nlmsghdr*) {});
  // Sends a request with NLM_F_DUMP and passes its answers to `receive`. Errors: io; busy if the
  // state changed during the dump.
  Result<void> dump(const NetlinkMessages& request,
                    const std::function<void(const nlmsghdr*)>& receive);
  // Passes all received messages to `receive`. False if some were lost.
  bool drain(const std::function<void(const nlmsghdr*)>& receive);

 private:
  struct Closer {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  explicit NetlinkSocket(mnl_socket* socket) : socket_(socket) {}

  Result<void> send(const NetlinkMessages& messages);

  std::unique_ptr<mnl_socket, Closer> socket_;
};

}  // namespace tenet::device
