// What both daemons are beside their task: signals, systemd, one event loop.
#pragma once

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <functional>
#include <string>

namespace tenet::runtime {

class Daemon {
 public:
  Daemon();

  asio::io_context& io() { return io_; }
  // SIGHUP. `reload` says what it did through the log.
  void on_reload(std::function<void()> reload) { reload_ = std::move(reload); }
  // SIGTERM and SIGINT: finish, then call `done`. A second signal ends the loop at once.
  void on_stop(std::function<void(std::function<void()> done)> stop) { stop_ = std::move(stop); }

  // Runs until stopped. The exit code of the program.
  int run();
  // Ends the loop with that exit code, for errors that leave nothing to do.
  void end(int code);

  // Tells systemd (sd_notify(3)): "READY=1", "STATUS=...". Does nothing without systemd.
  static void notify(const std::string& state);

 private:
  void await_signal();

  asio::io_context io_;
  asio::signal_set signals_;
  std::function<void()> reload_ = [] {};
  std::function<void(std::function<void()>)> stop_ = [](const std::function<void()>& done) {
    done();
  };
  bool stopping_ = false;
  int code_ = 0;
};

}  // namespace tenet::runtime
