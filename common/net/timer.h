// A timer whose cancel() holds. Asio's lets a handler run that was queued before the cancel.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

namespace tenet::net {

// After cancel(), a new after(), or the Timer's end, a handler set earlier does not run. So it may
// capture the object that owns the Timer.
class Timer {
 public:
  explicit Timer(asio::io_context& io) : timer_(io) {}
  ~Timer() { ++*current_; }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void at(std::chrono::steady_clock::time_point time, std::function<void()> handler) {
    timer_.expires_at(time);
    timer_.async_wait([current = current_, mine = ++*current_,
                       handler = std::move(handler)](const asio::error_code& error) {
      if (!error && *current == mine) handler();
    });
  }
  void after(std::chrono::milliseconds time, std::function<void()> handler) {
    at(std::chrono::steady_clock::now() + time, std::move(handler));
  }
  void cancel() {
    ++*current_;
    try {
      timer_.cancel();
    } catch (const std::exception&) {
      // Asio declares that it might throw. The handler will not run in any case.
    }
  }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<std::uint64_t> current_ = std::make_shared<std::uint64_t>(0);
};

}  // namespace tenet::net
