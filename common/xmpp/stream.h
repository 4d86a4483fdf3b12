// One connection attempt to one broker: TCP, TLS, login, and then stanzas. The only door to gloox.
#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/core/element.h"
#include "common/core/error.h"
#include "common/xmpp/session.h"

namespace tenet::xmpp {

struct StreamEnd {
  Error why;
  bool slow = false;  // trying again soon is of no use: wrong password, two agents with one JID
};

struct StreamHandlers {
  std::function<void()> step;                    // the broker answered a step of the login
  std::function<void()> ready;                   // logged in, resource bound
  std::function<void(const Element&)> stanza;    // iq, message or presence, after login only
  std::function<void()> drained;                 // unsent() has become less
  std::function<void(const StreamEnd&)> closed;  // at most once
  std::function<void(std::string_view direction, const std::string& xml)> trace;
};

// gloox calls back into itself, so its objects are destroyed only from a posted handler: a Stream
// may be destroyed at any time, within its own handlers too. It calls no handler from then on.
class Stream {
 public:
  Stream(asio::io_context& io, const SessionOptions& options, const net::Broker& broker,
         StreamHandlers handlers);
  ~Stream();  // closes the connection without ceremony
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void open();  // once
  // Sends a stanza, as XML of namespace jabber:client. Nothing happens unless ready.
  void send(const std::string& xml);
  // Bytes that wait to be sent. As many as there can be unless ready.
  std::size_t unsent() const;
  // Closes our side of the stream (RFC 6120 section 4.4); `closed` follows when the broker has
  // closed its side or the connection.
  void finish();
  // What the attempt is at, for the text of a timeout: "connecting to", "logging in at".
  std::string_view stage() const;

 private:
  class Client;
  asio::io_context& io_;
  std::shared_ptr<Client> client_;
};

}  // namespace tenet::xmpp
