#include "common/runtime/daemon.h"

#include <systemd/sd-daemon.h>

#include <csignal>

#include "common/observe/log.h"

namespace tenet::runtime {

Daemon::Daemon() : io_(1), signals_(io_, SIGTERM, SIGINT, SIGHUP) {
  // A peer that closes its end must show as an error of write(2), not end the process.
  std::signal(SIGPIPE, SIG_IGN);
}

int Daemon::run() {
  await_signal();
  io_.run();
  return code_;
}

void Daemon::end(int code) {
  code_ = code;
  io_.stop();
}

void Daemon::await_signal() {
  signals_.async_wait([this](const std::error_code& error, int signal) {
    if (error) return;
    if (signal == SIGHUP) {
      notify("RELOADING=1");
      reload_();
      notify("READY=1");
    } else if (stopping_) {
      log::warning("second signal, ending at once", {});
      end(1);
      return;
    } else {
      stopping_ = true;
      log::info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
      notify("STOPPING=1");
      stop_([this] { end(0); });
    }
    await_signal();
  });
}

void Daemon::notify(const std::string& state) {
  sd_notify(0, state.c_str());
}

}  // namespace tenet::runtime
