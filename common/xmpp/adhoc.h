// Ad-hoc commands (XEP-0050) as a table: each command is a row with its fields and a function. One
// dispatcher checks rights at every step, keeps the sessions, fills forms and renders results, so
// that a command knows nothing of stanzas.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/core/error.h"
#include "common/core/jid.h"
#include "common/protocol/data_form.h"
#include "common/xmpp/session.h"

namespace tenet::xmpp {

// What a command answers: a table, and notes about it.
struct CommandOutput {
  std::string title = {};
  std::vector<std::string> columns = {};
  std::vector<std::vector<std::string>> rows = {};  // may be many: see AdhocCommand::listing
  std::vector<std::pair<std::string, std::string>> notes = {};  // type (info, warn, error), text
  std::string document = {};                                    // a text of several lines, or none
  std::size_t next = 0;  // of a listing that goes on: the first row that is not among `rows`
};

// The values of the form, checked for presence: what the command's own fields are.
class CommandInput {
 public:
  CommandInput(Jid from, protocol::FormValues values)
      : from_(std::move(from)), values_(std::move(values)) {}
  const Jid& from() const { return from_; }
  std::string text(std::string_view field) const;   // without white space around; empty: absent
  std::string lines(std::string_view field) const;  // text-multi, joined by newlines
  std::vector<std::string> words(std::string_view field) const;  // split at spaces and commas
  bool has(std::string_view field) const { return !text(field).empty(); }

 private:
  Jid from_;
  protocol::FormValues values_;
};

// Bad input is an Error: the form is sent again with it.
using CommandDone = std::function<void(Result<CommandOutput>)>;

struct AdhocCommand {
  std::string node;
  std::string name;     // for menus
  std::string summary;  // one sentence
  std::vector<protocol::FormField> fields;
  std::function<void(const CommandInput&, CommandDone)> run;
  // As many rows are answered as fit into a stanza, and a note says how many there are. A listing
  // gets one more field, `first`, the row to begin with; its result's field `next` tells where to
  // go on.
  bool listing = false;
};

class AdhocCommands {
 public:
  // Serves on that session from now on. `may_run` is asked at every step.
  AdhocCommands(Session& session, std::vector<AdhocCommand> commands,
                std::function<bool(const Jid& bare)> may_run);
  ~AdhocCommands();
  AdhocCommands(const AdhocCommands&) = delete;
  AdhocCommands& operator=(const AdhocCommands&) = delete;

  // Answers one request, as those of the session are answered.
  void handle(const IncomingIq& iq, const std::shared_ptr<Responder>& responder);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tenet::xmpp
