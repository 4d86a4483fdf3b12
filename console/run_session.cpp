#include "console/run_session.h"

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <optional>

#include "console/table.h"

namespace tenet::console {
namespace {

class SessionRun {
 public:
  SessionRun(const ConsoleConfig& config, const Job& job, bool trace, std::ostream& progress)
      : config_(config), job_(job), progress_(progress), deadline_(io_) {
    xmpp::SessionHandlers handlers;
    handlers.online = [this] { online(); };
    handlers.offline = [this](const Error& why) { offline(why); };
    if (trace) {
      handlers.trace = [this](std::string_view direction, const std::string& xml) {
        progress_ << direction << " " << printable(xml) << "\n";
      };
    }
    session_.emplace(io_, config.xmpp, std::move(handlers));
    client_.emplace(io_, *session_, config.timeout);
  }

  Outcome run() {
    deadline_.expires_after(config_.timeout);
    deadline_.async_wait([this](const asio::error_code& cancelled) {
      if (cancelled || working_) return;
      finish(login_failed(last_error_.value_or(
          Error{Code::timeout,
                "no login within " + std::to_string(config_.timeout.count() / 1'000) + " s"})));
    });
    session_->start();
    io_.run();
    return outcome_.value_or(Outcome{Exit::unreachable, {{"error", "the session has ended"}}});
  }

 private:
  void online() {
    if (working_ || outcome_) return;  // a lost connection has failed the work's request already
    working_ = true;
    deadline_.cancel();
    job_(*client_, [this](Outcome outcome) { finish(std::move(outcome)); });
  }

  void offline(const Error& why) {
    if (working_ || outcome_) return;
    ++failures_;
    if (is_permanent(why, failures_, config_.xmpp.brokers.size())) return finish(login_failed(why));
    if (!last_error_) {
      progress_ << printable(why.text) << "; trying for up to " << config_.timeout.count() / 1'000
                << " s\n";
    }
    last_error_ = why;
  }

  void finish(Outcome outcome) {
    if (outcome_) return;
    outcome_ = std::move(outcome);
    session_->stop([this] { io_.stop(); });
  }

  const ConsoleConfig& config_;
  const Job& job_;
  std::ostream& progress_;
  asio::io_context io_;
  asio::steady_timer deadline_;
  std::optional<xmpp::Session> session_;
  std::optional<AdhocClient> client_;
  std::optional<Error> last_error_;
  std::optional<Outcome> outcome_;
  std::size_t failures_ = 0;
  bool working_ = false;
};

}  // namespace

bool is_permanent(const Error& error, std::size_t failures, std::size_t brokers) {
  // The account is the same everywhere; a certificate is one broker's.
  if (error.code == Code::forbidden) return true;
  return (error.code == Code::configuration || error.code == Code::not_found) &&
         failures >= std::max<std::size_t>(brokers, 1);
}

Outcome run_session(const ConsoleConfig& config, const Job& job, bool trace,
                    std::ostream& progress) {
  return SessionRun(config, job, trace, progress).run();
}

}  // namespace tenet::console
