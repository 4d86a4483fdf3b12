#include "common/xmpp/connection.h"

namespace tenet::xmpp {

Connection::Connection(asio::io_context& io, ConnectionOptions options,
                       std::unique_ptr<net::TlsEngine> tls,
                       std::function<void(const Error&)> failed)
    : gloox::ConnectionBase(nullptr),
      options_(std::move(options)),
      tls_(std::move(tls)),
      failed_(std::move(failed)),
      socket_(std::make_shared<net::Socket>(
          io, options_.max_output_bytes,
          net::SocketHandlers{.connected = [this] { tcp_connected(); },
                              .data = [this](std::string_view data) { received(data); },
                              .drained = options_.drained,
                              .closed = [this](const Error& why) { lost(why); }})) {}

Connection::~Connection() {
  socket_->close(false);
}

gloox::ConnectionError Connection::connect() {
  m_state = gloox::StateConnecting;
  socket_->open(options_.host, options_.port, options_.loopback_only, options_.limit);
  return gloox::ConnNoError;
}

void Connection::tcp_connected() {
  if (tls_) {
    if (auto started = tls_->start(); !started) return lost(started.error());
    flush_tls();
    return;
  }
  m_state = gloox::StateConnected;
  m_handler->handleConnect(this);
}

void Connection::received(std::string_view data) {
  if (!tls_) {
    m_handler->handleReceivedData(this, std::string(data));
    return;
  }
  std::string plaintext;
  const Result<void> fed = tls_->feed(data, plaintext);
  flush_tls();
  if (m_state == gloox::StateConnecting && tls_->established()) {
    m_state = gloox::StateConnected;
    m_handler->handleConnect(this);
  }
  if (m_state == gloox::StateConnected && !plaintext.empty()) {
    m_handler->handleReceivedData(this, plaintext);
  }
  if (!fed && m_state != gloox::StateDisconnected) lost(fed.error());
}

bool Connection::send(const std::string& data) {
  if (m_state != gloox::StateConnected) return false;
  if (!tls_) {
    socket_->send(data);
  } else {
    const Result<void> written = tls_->write(data);
    flush_tls();
    if (!written) lost(written.error());
  }
  return m_state == gloox::StateConnected;
}

void Connection::flush_tls() {
  socket_->send(tls_->take_output());
}

void Connection::disconnect() {
  m_state = gloox::StateDisconnected;
  socket_->close(true);
}

void Connection::lost(const Error& why) {
  if (m_state == gloox::StateDisconnected) return;
  m_state = gloox::StateDisconnected;
  socket_->close(true);  // a TLS alert may wait to be sent
  failed_(why);
  m_handler->handleDisconnect(this, gloox::ConnIoError);
}

}  // namespace tenet::xmpp
