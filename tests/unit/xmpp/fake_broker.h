// A broker for one client at a time, on a loopback port, that says what a test makes it say.
// Plaintext and SASL EXTERNAL, so that it needs neither certificates nor SCRAM.
#pragma once

#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tenet::xmpp {

class FakeBroker {
 public:
  explicit FakeBroker(asio::io_context& io)
      : io_(io),
        acceptor_(io, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        socket_(io),
        later_(io) {
    accept();
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void say(const std::string& text) {
    asio::error_code ignored;
    asio::write(socket_, asio::buffer(text), ignored);
  }
  void hang_up() {
    asio::error_code ignored;
    socket_.close(ignored);
  }
  // Runs the io_context until `done`. False if that takes so long that something is wrong.
  bool run_until(const std::function<bool()>& done) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done() && std::chrono::steady_clock::now() < limit) {
      io_.run_one_for(std::chrono::milliseconds(100));
    }
    return done();
  }
  // Whether `text` was heard since the last login; runs until then.
  bool hears(const std::string& text) {
    return run_until([&] { return heard.find(text) != std::string::npos; });
  }
  // The value of the attribute that follows the first `after` heard.
  std::string heard_attribute(const std::string& after, const std::string& name) const {
    const auto at = heard.find(name + "='", heard.find(after));
    const auto from = at + name.size() + 2;
    return heard.substr(from, heard.find('\'', from) - from);
  }

  static std::string header() {
    return "<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='s' version='1.0' "
           "xmlns:stream='http://etherx.jabber.org/streams' from='example.org'>";
  }
  static std::string mechanisms(const std::string& name) {
    return "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>" +
           name + "</mechanism></mechanisms></stream:features>";
  }

  std::string features = mechanisms("EXTERNAL");  // the first ones
  std::string bound = "agent@example.org/tenet";
  // Overrides the answer to something heard: first match wins.
  std::vector<std::pair<std::string, std::string>> script;
  std::chrono::milliseconds pause{0};  // before each answer
  // Reads no more; hear_on() ends that. Until then the system keeps a few megabytes for it.
  bool deaf = false;
  void hear_on() {
    deaf = false;
    read();
  }
  std::string heard;
  int connections = 0;

 private:
  void accept() {
    acceptor_.async_accept([this](const asio::error_code& error, asio::ip::tcp::socket socket) {
      if (error) return;
      socket_ = std::move(socket);
      ++connections;
      heard.clear();
      unread_.clear();
      bound_ = false;
      authenticated_ = false;
      read();
      accept();
    });
  }
  void read() {
    socket_.async_read_some(
        asio::buffer(input_),
        [this, mine = connections](const asio::error_code& error, std::size_t size) {
          if (error || mine != connections) return;
          heard.append(input_.data(), size);
          if (bound_ && script.empty()) return read_on();
          unread_.append(input_.data(), size);
          later_.expires_after(pause);
          later_.async_wait([this, mine](const asio::error_code& ended) {
            if (ended || mine != connections) return;
            answer();
            read_on();
          });
        });
  }
  void read_on() {
    if (socket_.is_open() && !deaf) read();
  }
  // True, and consumed, if `text` was heard and not yet answered.
  bool take(const std::string& text) {
    const auto at = unread_.find(text);
    if (at == std::string::npos) return false;
    unread_.erase(0, at + text.size());
    return true;
  }
  void answer() {
    for (const auto& [text, reply] : script) {
      if (take(text)) return say(reply);
    }
    if (take("version='1.0'>")) {
      say(header() + (authenticated_ ? "<stream:features><bind xmlns='urn:ietf:params:xml:ns:"
                                       "xmpp-bind'/></stream:features>"
                                     : features));
    } else if (take("</auth>")) {
      authenticated_ = true;
      say("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    } else if (take("</bind></iq>")) {
      bound_ = true;
      say("<iq type='result' id='" + heard_attribute("<iq", "id") +
          "'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>" + bound + "</jid></bind></iq>");
    }
  }

  asio::io_context& io_;
  asio::ip::tcp::acceptor acceptor_;
  asio::ip::tcp::socket socket_;
  asio::steady_timer later_;
  std::array<char, 65'536> input_{};
  std::string unread_;
  bool authenticated_ = false;
  bool bound_ = false;  // then it has no answers of its own
};

}  // namespace tenet::xmpp
