// Ad-hoc commands (XEP-0050): one dispatcher that checks rights at every step, keeps the sessions
// and asks for what is missing. The commands themselves know nothing of stanzas.
#pragma once

#include <memory>
#include <vector>

#include "common/command/command.h"
#include "common/xmpp/session.h"

namespace tenet::xmpp {

class AdhocCommands {
 public:
  // Serves on that session from now on.
  AdhocCommands(Session& session, std::vector<command::Command> commands, command::May may);
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
