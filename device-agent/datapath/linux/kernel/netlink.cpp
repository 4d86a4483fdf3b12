#include "device-agent/datapath/linux/kernel/netlink.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tenet::device {
namespace {

tl::unexpected<Error> failure(const std::string& what) {
  return fail(Code::io, what + ": " + std::strerror(errno));
}

class File {
 public:
  explicit File(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

std::string namespace_path(const std::string& name) {
  return name.find('/') == std::string::npos ? "/run/netns/" + name : name;
}

// A socket belongs to the namespace that its thread is in when it is created.
mnl_socket* open_within(int bus, int network_namespace) {
  const File own("/proc/thread-self/ns/net");
  if (own.fd() < 0 || ::setns(network_namespace, CLONE_NEWNET) != 0) return nullptr;
  mnl_socket* socket = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
  const int error = errno;
  if (::setns(own.fd(), CLONE_NEWNET) != 0) {
    // Everything that follows would happen in the wrong namespace.
    std::perror("tenet: cannot return to the process's own network namespace");
    std::abort();
  }
  errno = error;
  return socket;
}

constexpr std::size_t kReceiveBufferBytes = 262144;

}  // namespace

void NetlinkMessages::append(const std::function<void(char*, std::uint32_t)>& write) {
  // libmnl does not check bounds, so the buffer has room for the largest message. Most messages are
  // small: one buffer serves all, because clearing a new one would cost more than writing to it.
  static thread_local std::vector<char> room(kMaxMessage);
  write(room.data(), count_);
  ++count_;
  nlmsghdr header{};
  std::memcpy(&header, room.data(), sizeof header);
  bytes_.insert(bytes_.end(), room.begin(), room.begin() + MNL_ALIGN(header.nlmsg_len));
}

Result<NetlinkSocket> NetlinkSocket::open(int bus, const std::string& network_namespace,
                                          unsigned groups) {
  mnl_socket* socket = nullptr;
  if (network_namespace.empty()) {
    socket = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
  } else {
    const File other(namespace_path(network_namespace));
    if (other.fd() < 0) return failure("network namespace " + network_namespace);
    socket = open_within(bus, other.fd());
  }
  if (socket == nullptr) return failure("netlink socket");
  NetlinkSocket out(socket);
  if (mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) != 0) return failure("netlink bind");
  // A transaction is sent in one call, whatever its size; SO_SNDBUF is its limit.
  const int size = 1 << 30;
  if (::setsockopt(out.fd(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0 ||
      ::setsockopt(out.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
    return failure("netlink buffers (CAP_NET_ADMIN is needed)");
  }
  return out;
}

Result<void> NetlinkSocket::send(const NetlinkMessages& messages) {
  if (mnl_socket_sendto(socket_.get(), messages.data(), messages.size()) < 0) {
    return failure("netlink send");
  }
  return {};
}

Result<std::vector<NetlinkError>> NetlinkSocket::transact(
    const NetlinkMessages& messages, const std::function<void(const nlmsghdr*)>& receive) {
  if (auto sent = send(messages); !sent) return fail(sent.error());
  std::vector<NetlinkError> refused;
  bool answered = false;
  const bool whole = drain([&](const nlmsghdr* message) {
    if (message->nlmsg_type != NLMSG_ERROR) return receive(message);
    const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
    answered = true;
    if (error->error != 0) refused.push_back({error->msg.nlmsg_seq, -error->error});
  });
  if (!whole) return failure("netlink receive");
  if (!answered) return fail(Code::io, "the kernel did not answer a netlink request");
  return refused;
}

Result<void> NetlinkSocket::dump(const NetlinkMessages& request,
                                 const std::function<void(const nlmsghdr*)>& receive) {
  if (auto sent = send(request); !sent) return sent;
  bool done = false;
  int error = 0;
  bool changed = false;
  // Each read makes the kernel write the next part of the dump.
  const bool whole = drain([&](const nlmsghdr* message) {
    changed = changed || (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    if (message->nlmsg_type == NLMSG_ERROR) {
      error = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error;
      done = true;
    } else if (message->nlmsg_type == NLMSG_DONE) {
      done = true;
    } else {
      receive(message);
    }
  });
  if (error != 0) {
    errno = error;
    return failure("netlink dump");
  }
  if (changed) return fail(Code::busy, "the kernel's state changed while it was read");
  if (!whole) return failure("netlink receive");
  if (!done) return fail(Code::io, "the kernel did not answer a netlink dump in full");
  return {};
}

bool NetlinkSocket::drain(const std::function<void(const nlmsghdr*)>& receive) {
  static thread_local std::vector<char> buffer(kReceiveBufferBytes);
  while (true) {
    const ssize_t size = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    int left = static_cast<int>(size);
    for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
         mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      receive(message);
    }
  }
}

}  // namespace tenet::device
