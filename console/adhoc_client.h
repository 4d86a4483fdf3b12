// The client's side of XEP-0050: executes a command of an agent, fills its form, completes it.
// Knows nothing of command lines.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/core/error.h"
#include "common/net/timer.h"
#include "common/xmpp/data_form.h"
#include "common/xmpp/jid.h"
#include "common/xmpp/session.h"

namespace tenet::console {

// What an agent said to one step of a command.
struct CommandReply {
  std::string node;
  std::string session;
  std::string status;                                           // executing, completed, canceled
  std::vector<std::pair<std::string, std::string>> notes = {};  // type (info, warn, error), text
  std::optional<xmpp::Form> form = {};
};

// Errors: invalid, for what is no <command/> with a status.
Result<CommandReply> parse_command_reply(const Element& element);

struct CommandItem {
  std::string node;
  std::string name;
};

// Errors of all: what Session::request says, and those of the answer's parser. The Session must
// live until the last callback.
class AdhocClient {
 public:
  AdhocClient(asio::io_context& io, xmpp::Session& session, std::chrono::milliseconds timeout)
      : session_(session), timeout_(timeout), pause_(io) {}

  // The commands that the agent offers us (XEP-0050 section 2.2).
  void list(const xmpp::Jid& agent, std::function<void(Result<std::vector<CommandItem>>)> done);
  // The form that the command begins with; nothing if it has none and thus has run.
  void describe(const xmpp::Jid& agent, const std::string& node,
                std::function<void(Result<std::optional<xmpp::Form>>)> done);
  // The last reply: completed, or executing if the agent did not accept the form; the command is
  // then cancelled. Errors also: configuration, from fill(), before anything was done.
  void run(const xmpp::Jid& agent, const std::string& node, xmpp::FormValues fields,
           const std::function<void(Result<CommandReply>)>& done);
  // The same; a listing that comes in pages is asked on, and `done` gets all its rows at once.
  void run_all(const xmpp::Jid& agent, const std::string& node, const xmpp::FormValues& fields,
               const std::function<void(Result<CommandReply>)>& done);

  // Runs `then` after a pause, to look again. One pause at a time.
  void after(std::chrono::milliseconds pause, std::function<void()> then) {
    pause_.after(pause, std::move(then));
  }

 private:
  using ReplyHandler = std::function<void(Result<CommandReply>)>;
  struct Step {
    std::string node;
    std::string session = {};
    std::string action = "execute";
    std::optional<xmpp::Form> form = {};
  };
  void send(const xmpp::Jid& agent, const Step& step, ReplyHandler done);
  void run_on(const xmpp::Jid& agent, const std::string& node, xmpp::FormValues fields,
              std::vector<std::vector<std::string>> rows,
              const std::function<void(Result<CommandReply>)>& done);
  // Frees the agent's session early; what it answers is of no interest.
  void cancel(const xmpp::Jid& agent, const CommandReply& open, std::function<void()> then);

  xmpp::Session& session_;
  std::chrono::milliseconds timeout_;
  net::Timer pause_;
};

}  // namespace tenet::console
