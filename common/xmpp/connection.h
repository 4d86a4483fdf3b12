// gloox's view of our Socket, with direct TLS inside where that is asked for. Private to this
// folder. Never delete it, or the gloox::Client that owns it, from within one of its callbacks.
#pragma once

#include <gloox/connectionbase.h>
#include <gloox/connectiondatahandler.h>

#include <functional>
#include <memory>
#include <string>

#include "common/net/socket.h"
#include "common/net/tls_engine.h"

namespace tenet::xmpp {

struct ConnectionOptions {
  std::string host;
  std::uint16_t port = 5222;
  bool loopback_only = false;
  std::size_t max_output_bytes = 0;
  std::chrono::milliseconds limit{0};  // for TCP, all addresses together
  std::function<void()> drained;       // unsent() has become less
};

class Connection : public gloox::ConnectionBase {
 public:
  // Direct TLS (XEP-0368) if `tls` is given: connected means that the handshake is done. `failed`
  // learns the reason before gloox learns of the disconnect.
  Connection(asio::io_context& io, ConnectionOptions options, std::unique_ptr<net::TlsEngine> tls,
             std::function<void(const Error&)> failed);
  ~Connection() override;

  gloox::ConnectionError connect() override;  // returns at once
  bool send(const std::string& data) override;
  void disconnect() override;  // still sends what is queued, for at most a second
  std::size_t unsent() const { return socket_->unsent(); }
  void cleanup() override {}

  // gloox never needs these of a connection that pushes its data.
  gloox::ConnectionError recv(int) override { return gloox::ConnNoError; }
  gloox::ConnectionError receive() override { return gloox::ConnNoError; }
  void getStatistics(long int& in, long int& out) override { in = out = 0; }
  gloox::ConnectionBase* newInstance() const override { return nullptr; }

 private:
  void tcp_connected();
  void received(std::string_view data);
  void lost(const Error& why);
  void flush_tls();

  ConnectionOptions options_;
  std::unique_ptr<net::TlsEngine> tls_;
  std::function<void(const Error&)> failed_;
  std::shared_ptr<net::Socket> socket_;
};

}  // namespace tenet::xmpp
