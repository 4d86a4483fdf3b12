#include "console/command_help.h"

#include "console/verbs.h"

namespace tenet::console {
namespace {

constexpr const char* kGenericVerbs = R"(  wait
    Wait until the devices of a network enforce what the server wants; name those that do not.
      $ tenetctl wait 4096 --timeout 30
  exec, describe, commands
    Run any command of any agent; show a command's fields; show an agent's commands.
      $ tenetctl exec server1@example.org/server-agent create-network policy=@web.xml

)";

constexpr const char* kFooter =
    R"(The configuration, ~/.config/tenet/tenetctl.toml or --config FILE:
  default-server = "server1"                  # for verbs without --server

  [xmpp]
  jid = "alice@example.org"
  password-file = "/home/alice/.tenet-password" # or set TENET_PASSWORD
  ca-file = "/etc/tenet/ca.pem"               # empty: the system's trust store
  brokers = [{ host = "xmpp.example.org" }]   # empty: as the DNS says

  [agents]                                    # short names
  server1 = "server1@example.org/server-agent"
  switch1 = "switch1@example.org/device-agent"

Exit codes:
  0  done, and enforced on every device concerned
  1  refused by the agent or by a device; a refusal leaves no trace
  2  the command line, a file or the configuration is wrong
  3  accepted, but not enforced everywhere yet; it is delivered as soon as the devices answer
  4  the broker or the agent cannot be reached, or did not answer in time
  5  not allowed: the broker refused the login, or the agent does not take you for an operator

Results go to standard output, notes to standard error.
`tenetctl VERB --help` shows all arguments of a verb.)";

std::string indented(const std::string& text, const std::string& by) {
  std::string out = by;
  for (const char c : text) {
    out += c;
    if (c == '\n') out += by;
  }
  return out + "\n";
}

// Every verb with its sentence and an example.
std::string verb_list() {
  std::string out = "The verbs:\n";
  for (const Verb& verb : verbs()) {
    out += "  " + verb.group + (verb.group.empty() ? "" : " ") + verb.name + "\n" +
           indented(verb.summary, "    ") + indented("$ " + verb.example, "      ");
  }
  return out + kGenericVerbs;
}

}  // namespace

std::string help_footer() {
  return verb_list() + kFooter;
}

}  // namespace tenet::console
