#include "common/net/socket.h"

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>

namespace tenet::net {
namespace {

constexpr std::chrono::seconds kFlush{1};

std::string text_of(const asio::ip::tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  const bool six = endpoint.address().is_v6();
  return (six ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
}

}  // namespace

Socket::Socket(asio::io_context& io, std::size_t max_output, SocketHandlers handlers)
    : resolver_(io),
      socket_(io),
      timer_(io),
      handlers_(std::move(handlers)),
      max_output_(max_output) {}

void Socket::open(const std::string& host, std::uint16_t port, bool loopback_only,
                  std::chrono::milliseconds limit) {
  name_ = host + ":" + std::to_string(port);
  const auto ready = [self = shared_from_this(), loopback_only, limit](Endpoints found) {
    if (self->silent_) return;
    const bool any = !found.empty();
    if (loopback_only) {
      std::erase_if(found, [](const auto& e) { return !e.address().is_loopback(); });
    }
    self->endpoints_ = std::move(found);
    if (any && self->endpoints_.empty()) {
      self->end(self->name_ + " is not a loopback address: plaintext is refused, use TLS",
                Code::configuration);
      return;
    }
    self->share_ = limit / std::max<std::size_t>(self->endpoints_.size(), 1);
    self->last_error_ = "no address found";
    self->connect_next();
  };
  asio::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (!error) {
    // Posted, so that no handler runs within open().
    asio::post(socket_.get_executor(), [ready, address, port] { ready({{address, port}}); });
    return;
  }
  resolver_.async_resolve(
      host, std::to_string(port),
      [self = shared_from_this(), ready](const asio::error_code& failed, const auto& results) {
        if (self->silent_) return;
        if (failed) {
          self->end("cannot resolve " + self->name_ + ": " + failed.message());
          return;
        }
        Endpoints found;
        for (const auto& result : results) found.push_back(result.endpoint());
        ready(std::move(found));
      });
}

void Socket::connect_next() {
  if (next_ == endpoints_.size()) {
    end("cannot connect to " + name_ + ": " + last_error_);
    return;
  }
  const auto endpoint = endpoints_[next_++];
  asio::error_code ignored;
  socket_.close(ignored);
  timer_.expires_after(share_);
  timer_.async_wait([self = shared_from_this(), attempt = next_](const asio::error_code& error) {
    if (error || self->silent_ || self->connected_ || attempt != self->next_) return;
    asio::error_code unused;
    self->socket_.close(unused);  // completes the connect below with operation_aborted
  });
  socket_.async_connect(
      endpoint, [self = shared_from_this(), endpoint](const asio::error_code& error) {
        if (self->silent_) return;
        self->timer_.cancel();
        if (error) {
          const bool late = error == asio::error::operation_aborted;
          self->last_error_ = text_of(endpoint) + ": " + (late ? "no answer" : error.message());
          self->connect_next();
          return;
        }
        asio::error_code unused;
        self->socket_.set_option(asio::ip::tcp::no_delay(true), unused);
        self->connected_ = true;
        self->read();
        self->handlers_.connected();
      });
}

void Socket::read() {
  socket_.async_read_some(
      asio::buffer(input_),
      [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
        if (self->silent_) return;
        if (error) {
          const bool eof = error == asio::error::eof;
          self->end(self->name_ + (eof ? " closed the connection"
                                       : ": the connection was lost: " + error.message()));
          return;
        }
        self->handlers_.data(std::string_view(self->input_.data(), size));
        if (!self->silent_) self->read();
      });
}

void Socket::send(std::string_view data) {
  if (!connected_ || silent_ || data.empty()) return;
  if (unsent() + data.size() > max_output_) {
    end("more than " + std::to_string(max_output_) + " bytes wait to be sent to " + name_);
    return;
  }
  queued_ += data;
  if (writing_.empty()) write();
}

void Socket::write() {
  writing_.swap(queued_);
  asio::async_write(socket_, asio::buffer(writing_),
                    [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                      self->writing_.clear();
                      const bool done = error || self->queued_.empty();
                      if (!done && (!self->silent_ || self->flushing_)) {
                        self->write();
                      } else if (self->flushing_) {
                        self->close(false);
                      } else if (error && !self->silent_) {
                        self->end(self->name_ + ": the connection was lost: " + error.message());
                      }
                      if (!self->silent_) self->handlers_.drained();
                    });
}

void Socket::end(std::string text, Code code) {
  if (silent_) return;
  close(false);
  handlers_.closed(Error{code, std::move(text), {}});
}

void Socket::close(bool flush) {
  silent_ = true;
  resolver_.cancel();
  timer_.cancel();
  if (flush && connected_ && !writing_.empty()) {
    flushing_ = true;
    timer_.expires_after(kFlush);
    timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (!error) self->close(false);
    });
    return;
  }
  flushing_ = false;
  connected_ = false;
  asio::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

}  // namespace tenet::net
