// tenetctl.toml, the environment and the command line, joined into one configuration.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "common/core/error.h"
#include "common/xmpp/session.h"
#include "console/address_book.h"

namespace tenet::console {

// What the command line says; empty: not given.
struct Overrides {
  std::string config = {};
  std::string jid = {};
  std::string password_file = {};
  std::vector<std::string> brokers = {};
  std::string ca_file = {};
  std::optional<unsigned> timeout_seconds = {};
};

// What the process finds around itself.
struct Environment {
  std::string home = {};
  std::string config_home = {};  // XDG_CONFIG_HOME
  std::string password = {};     // TENET_PASSWORD

  static Environment of_process();
  // ~/.config/tenet/tenetctl.toml
  std::string default_config() const;
};

struct ConsoleConfig {
  xmpp::SessionOptions xmpp = {};  // the JID has a random resource, so that several run at once
  AddressBook agents = {};
  std::string default_server = {};            // as in AddressBook::find
  std::chrono::milliseconds timeout{20'000};  // for logging in, and again for each answer
  std::vector<std::string> warnings = {};
};

// The command line counts most, then the environment, then the file; the default file may be
// missing. Errors: configuration, with all problems of the file, or what is still missing.
Result<ConsoleConfig> load_console_config(const Overrides& overrides,
                                          const Environment& environment);

}  // namespace tenet::console
