// One TCP connection on Asio: tries the addresses of a host, never blocks, bounds its output.
// Knows nothing of XMPP.
#pragma once

#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/error.h"

namespace tenet::net {

struct SocketHandlers {
  std::function<void()> connected;
  std::function<void(std::string_view data)> data;
  std::function<void()> drained;                 // unsent() has become less
  std::function<void(const Error& why)> closed;  // at most once, and not after close()
};

// Lives as long as its operations: keep it by shared_ptr, and close() it before letting go.
class Socket : public std::enable_shared_from_this<Socket> {
 public:
  // `max_output`: bytes that may wait to be sent; more closes the connection.
  Socket(asio::io_context& io, std::size_t max_output, SocketHandlers handlers);

  // Resolves `host` (a name or an address literal) and tries its addresses in turn; each gets an
  // equal share of `limit`. `loopback_only` skips other addresses. Call once. Errors, through
  // `closed`: unreachable, naming host and port; configuration if no address is a loopback one.
  void open(const std::string& host, std::uint16_t port, bool loopback_only,
            std::chrono::milliseconds limit);
  // Queues data. Nothing happens unless connected.
  void send(std::string_view data);
  // Bytes that the system has not taken yet.
  std::size_t unsent() const { return queued_.size() + writing_.size(); }
  // No handler is called from now on. `flush`: what is queued is still sent, for at most a second.
  void close(bool flush);

 private:
  using Endpoints = std::vector<asio::ip::tcp::endpoint>;
  void connect_next();
  void read();
  void write();
  void end(std::string text, Code code = Code::unreachable);

  asio::ip::tcp::resolver resolver_;
  asio::ip::tcp::socket socket_;
  asio::steady_timer timer_;
  SocketHandlers handlers_;
  std::size_t max_output_;
  std::string name_;  // host:port, for errors
  Endpoints endpoints_;
  std::size_t next_ = 0;
  std::chrono::milliseconds share_{0};
  std::string last_error_;
  std::array<char, 16384> input_{};
  std::string queued_;
  std::string writing_;
  bool connected_ = false;
  bool silent_ = false;    // close() or `closed` has happened
  bool flushing_ = false;  // close once everything is written
};

}  // namespace tenet::net
