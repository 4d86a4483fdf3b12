// A netlink socket (RFC 3549) in a network namespace, on libmnl. Requests are answered by the time
// that they are sent, so nothing here waits.
#pragma once

#include <libmnl/libmnl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/core/error.h"

namespace tenet::device {

// One request, or several in a row, in one buffer.
class NetlinkMessages {
 public:
  // Appends a message of at most `kMaxMessage` bytes: `write` fills it, headers included.
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
  std::uint32_t sequence = 0;  // of the message at fault, from 0
  int number = 0;              // errno
};

class NetlinkSocket {
 public:
  // `network_namespace`: a name below /run/netns, a path, or empty for our own. `groups`: multicast
  // groups to hear, as a bit mask. Errors: io.
  static Result<NetlinkSocket> open(int bus, const std::string& network_namespace,
                                    unsigned groups = 0);

  int fd() const { return mnl_socket_get_fd(socket_.get()); }
  // Sends the messages at once, one of which at least asks for an acknowledgement. The kernel's
  // refusals, empty if there was none; other answers go to `receive`. Errors: io.
  Result<std::vector<NetlinkError>> transact(
      const NetlinkMessages& messages,
      const std::function<void(const nlmsghdr*)>& receive = [](const nlmsghdr*) {});
  // A request that is answered by many messages. Errors: io.
  Result<void> dump(const NetlinkMessages& request,
                    const std::function<void(const nlmsghdr*)>& receive);
  // Every message that is at hand. False if some were lost.
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
