#include "console/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>

#include "console/command_help.h"
#include "console/outcome.h"
#include "console/verbs.h"

namespace tenet::console {
namespace {

constexpr const char* kAbout =
    "tenetctl: commands for Tenet's server agents and device agents, over XMPP.\n"
    "Whoever is among an agent's operators may run them.";

using Values = std::vector<std::vector<std::string>>;

// What is wrong, and which help to read.
std::string explain_mistake(const CLI::App* app, const CLI::Error& mistake) {
  std::string verb = app->get_name();
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    verb += " " + app->get_name();
  }
  return std::string("error: ") + mistake.what() + "; see " + verb + " --help\n";
}

class Parser {
 public:
  explicit Parser(const std::string& version) : app_(kAbout, "tenetctl") {
    app_.footer(help_footer());
    app_.set_version_flag("--version", "tenetctl " + version, "print the version and exit");
    app_.failure_message(explain_mistake);
    app_.get_formatter()->column_width(32);
    add_global_options();
    add_verbs();
    add_wait();
    add_generic();
  }

  ParsedCommandLine parse(std::vector<std::string> arguments, std::ostream& out,
                          std::ostream& err) {
    if (arguments.empty()) {
      err << app_.help();
      return {std::nullopt, static_cast<int>(Exit::usage)};
    }
    try {
      std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
      app_.parse(std::move(arguments));
    } catch (const CLI::ParseError& end) {
      const int code = app_.exit(end, out, err);
      return {std::nullopt, code == 0 ? 0 : static_cast<int>(Exit::usage)};
    }
    if (!mistake_.empty()) {
      err << "error: " << mistake_ << "\n";
      return {std::nullopt, static_cast<int>(Exit::usage)};
    }
    return {line_};
  }

 private:
  void add_global_options();
  void add_verbs();
  void add_verb(const Verb& verb, CLI::App& parent);
  void add_generic();
  void add_wait();
  CLI::App* subcommand(CLI::App& parent, const std::string& name, const std::string& summary,
                       const std::string& example);

  CLI::App app_;
  CommandLine line_;
  std::deque<Values> values_;  // of each verb; a deque, since CLI11 keeps references
  std::vector<std::string> raw_fields_;
  bool help_fields_ = false;
  std::string mistake_;
};

void Parser::add_global_options() {
  Overrides& o = line_.overrides;
  app_.add_option("--config", o.config, "configuration (TOML)")->type_name("FILE");
  app_.add_option("--jid", o.jid, "your account, user@domain")->type_name("JID");
  app_.add_option("--password-file", o.password_file, "a file whose first line is the password")
      ->type_name("FILE");
  app_.add_option("--broker", o.brokers,
                  "HOST:PORT[:starttls|direct|plaintext], several with commas between")
      ->type_name("BROKER")
      ->delimiter(',')
      ->allow_extra_args(false);
  app_.add_option("--ca-file", o.ca_file, "the CA that the broker's certificate comes from (PEM)")
      ->type_name("FILE");
  app_.add_option("--timeout", o.timeout_seconds,
                  "for logging in, and again for each answer (default 20)")
      ->type_name("SECONDS")
      ->check(CLI::Range(1U, 3'600U).description(""));
  app_.add_flag("--json", line_.json,
                "print one JSON object: status, notes, rows, and document if there is one");
  app_.add_flag("--trace", line_.trace, "show every stanza on standard error");
}

CLI::App* Parser::subcommand(CLI::App& parent, const std::string& name, const std::string& summary,
                             const std::string& example) {
  CLI::App* out = parent.add_subcommand(name, summary);
  if (!example.empty()) out->footer("Example:\n  " + example);
  out->fallthrough();  // so that --json may stand behind the verb
  return out;
}

void Parser::add_verb(const Verb& verb, CLI::App& parent) {
  CLI::App* app = subcommand(parent, verb.name, verb.summary, verb.example);
  Task& task = line_.task;
  if (verb.target == Target::server) {
    app->add_option("--server", task.agent,
                    "the server agent; otherwise default-server of the configuration")
        ->type_name("AGENT");
  } else if (verb.target == Target::device) {
    app->add_option("DEVICE", task.agent, "the device agent: a JID or a short name")->required();
  } else {
    app->add_option("--from", task.source, "the server agent that the VM leaves")
        ->type_name("AGENT")
        ->required();
    app->add_option("--to", task.agent, "the server agent that it comes to")
        ->type_name("AGENT")
        ->required();
    app->add_flag("--parallel", task.parallel,
                  "run both halves at the same time, as if by two operators; needs --mac. If "
                  "migrate-in fails, the VM is gone from both servers");
  }
  Values& values = values_.emplace_back(verb.arguments.size());
  for (std::size_t i = 0; i < verb.arguments.size(); ++i) {
    const VerbArgument& argument = verb.arguments[i];
    if (argument.flag()) {
      app->add_flag_callback(
          argument.name, [&values, i] { values[i] = {"true"}; }, argument.help);
      continue;
    }
    const bool many = argument.source == Source::device || argument.field == "ip";
    CLI::Option* option = nullptr;
    if (many) {
      option = app->add_option(argument.name, values[i], argument.help);
      option->delimiter(',')->allow_extra_args(false);
    } else {
      option = app->add_option_function<std::string>(
          argument.name, [&values, i](const std::string& text) { values[i] = {text}; },
          argument.help);
    }
    option->type_name(argument.source == Source::file ? "FILE" : "TEXT");
    option->required(argument.required);
  }
  app->final_callback([this, &verb, &values] {
    Task& t = line_.task;
    t.kind = verb.target == Target::migration ? Task::Kind::migrate : Task::Kind::run;
    t.agent_kind = verb.target == Target::device ? AgentKind::device : AgentKind::server;
    t.node = verb.node;
    t.fields = fields_of(verb, values);
  });
}

void Parser::add_verbs() {
  app_.require_subcommand(1);
  for (const VerbGroup& group : verb_groups()) {
    CLI::App* parent = subcommand(app_, group.name, group.summary, "");
    parent->require_subcommand(1);
    for (const Verb& verb : verbs()) {
      if (verb.group == group.name) add_verb(verb, *parent);
    }
  }
  for (const Verb& verb : verbs()) {
    if (verb.group.empty()) add_verb(verb, app_);
  }
}

void Parser::add_wait() {
  Task& task = line_.task;
  CLI::App* app =
      subcommand(app_, "wait",
                 "Wait until the devices of a network enforce what the server wants, and "
                 "name those that do not.",
                 "tenetctl network change web-revision-2.xml && tenetctl wait 4096 "
                 "--reachable --timeout 30");
  app->add_option("NETWORK", task.wait.vnid, "the network, like 4096 or 4096.2")->required();
  app->add_option("--server", task.agent,
                  "the server agent; otherwise default-server of the configuration")
      ->type_name("AGENT");
  CLI::Option* all = app->add_flag_callback(
      "--all", [] {}, "wait for every device (default)");
  app->add_flag("--reachable", task.wait.reachable,
                "not for devices that the server cannot reach; they get it when they are back")
      ->excludes(all);
  app->add_option_function<unsigned>(
         "--timeout",
         [&task](unsigned seconds) { task.wait.timeout = std::chrono::seconds(seconds); },
         "how long to wait (default 60)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0U, 86'400U).description(""));
  app->final_callback([&task] {
    task.kind = Task::Kind::wait;
    task.agent_kind = AgentKind::server;
  });
}

// The verbs for any agent and any command.
void Parser::add_generic() {
  Task& task = line_.task;
  const auto about_agent = [&task](CLI::App* app) {
    app->add_option("AGENT", task.agent, "JID or short name")->required();
    app->add_option("--resource", task.resource,
                    "the resource of a bare JID; otherwise server-agent, or else device-agent, "
                    "whichever is online");
  };
  CLI::App* exec = subcommand(
      app_, "exec", "Run any command of any agent.",
      "tenetctl exec server1@example.org create-vm vnid=4096 vm=web-1 mac=52:54:00:12:34:56\n"
      "  tenetctl exec server1 create-network policy=@web.xml\n"
      "  generate-policy | tenetctl exec server1 change-policy policy=-");
  about_agent(exec);
  exec->add_option("COMMAND", task.node, "the command's node, like create-vm")->required();
  exec->add_option("FIELD", raw_fields_,
                   "name=value; name=@FILE reads a file, name=- standard input, and name=@@x is "
                   "the text @x. Fields that are not given have their defaults");
  exec->add_flag("--help-fields", help_fields_, "show the command's fields, and run nothing");
  exec->final_callback([this] {
    if (help_fields_) line_.task.kind = Task::Kind::describe;
    for (const std::string& text : raw_fields_) {
      auto field = parse_field(text);
      if (field) {
        line_.task.fields.push_back(*std::move(field));
      } else if (mistake_.empty()) {
        mistake_ = field.error().text;
      }
    }
  });

  CLI::App* describe = subcommand(app_, "describe", "Show the fields of a command.",
                                  "tenetctl describe server1 create-vm");
  about_agent(describe);
  describe->add_option("COMMAND", task.node, "the command's node")->required();
  describe->final_callback([&task] { task.kind = Task::Kind::describe; });

  CLI::App* commands = subcommand(app_, "commands", "Show the commands that an agent offers you.",
                                  "tenetctl commands switch1");
  about_agent(commands);
  commands->final_callback([&task] { task.kind = Task::Kind::list; });
}

}  // namespace

ParsedCommandLine parse_command_line(std::vector<std::string> arguments, const std::string& version,
                                     std::ostream& out, std::ostream& err) {
  return Parser(version).parse(std::move(arguments), out, err);
}

}  // namespace tenet::console
