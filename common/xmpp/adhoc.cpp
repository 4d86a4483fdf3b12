#include "common/xmpp/adhoc.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "common/core/text.h"
#include "common/net/random.h"
#include "common/protocol/names.h"
#include "common/xmpp/adhoc_render.h"

namespace tenet::xmpp {
namespace {

using command::Command;
using command::Values;
using protocol::kCommandsNamespace;
using protocol::kDataFormsNamespace;
using protocol::kStanzasNamespace;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes kSessionLife{5};
constexpr std::size_t kMaxSessions = 1'000;

// XEP-0050 section 4.4: a stanza error with a condition of the commands' own.
Element command_error(std::string_view type, std::string_view condition, std::string_view own,
                      const std::string& text) {
  Element out{"error", "jabber:client"};
  out.set("type", std::string(type));
  out.add(Element{std::string(condition), std::string(kStanzasNamespace)});
  out.add(Element{"text", std::string(kStanzasNamespace), {}, {}, text});
  if (!own.empty()) out.add(Element{std::string(own), std::string(kCommandsNamespace)});
  return out;
}

Element reply(const std::string& node, const std::string& session, std::string_view status) {
  Element out{"command", std::string(kCommandsNamespace)};
  out.set("node", node).set("sessionid", session).set("status", std::string(status));
  return out;
}

void add_note(Element& to, const command::Note& note) {
  to.add("note").set("type", std::string(note_type(note.severity))).text = note.text;
}

// The form, with what was entered already, and with what is wrong with it.
Element ask(const Command& command, const std::string& session, const Values& entered,
            const Error* error) {
  Element out = reply(command.name, session, "executing");
  out.add("actions").set("execute", "complete").add("complete");
  Form form = input_form(command, entered);
  if (error != nullptr) {
    form.instructions = "Not accepted: " + describe(*error);
    add_note(out, {command::Severity::error, describe(*error)});
  }
  out.add(to_element(form));
  return out;
}

// The values of a submitted form; of none, no values.
Result<Values> entered_values(const Element& payload) {
  const Element* x = payload.child("x", kDataFormsNamespace);
  if (x == nullptr) return Values{};
  auto form = parse_form(*x);
  if (!form || (form->type != "submit" && form->type != "form")) {
    return fail(Code::invalid, "send a form of type submit");
  }
  Values values = values_of(*form);
  values.erase("FORM_TYPE");  // XEP-0068: names the form, and is no field of it
  return values;
}

// Of a listing, the row to begin with. Precondition: fields have their defaults.
Result<std::size_t> first_row(const Command& command, const command::Input& input) {
  if (!command.listing || !input.has("first")) return 1;
  const auto number = parse_unsigned(input.text("first"), 1'000'000'000);
  if (number && *number > 0) return *number;
  return fail(Code::invalid, "first is '" + input.text("first") + "'; write a number from 1",
              {.entry = "first"});
}

}  // namespace

struct AdhocCommands::Impl : std::enable_shared_from_this<Impl> {
  struct Open {
    Jid owner;  // the full JID that began it
    std::string node;
    Clock::time_point expires;
  };

  std::vector<Command> commands;
  command::May may;
  Jid own;
  std::map<std::string, Open> sessions;

  bool may_run(const Jid& from, const Command& command) const {
    return may(account_id(from), command.permission);
  }

  const Command* find(const std::string& node) const {
    const auto found = std::find_if(commands.begin(), commands.end(),
                                    [&](const Command& c) { return c.name == node; });
    return found == commands.end() ? nullptr : &*found;
  }

  std::vector<DiscoItem> items(const Jid& from) const {
    std::vector<DiscoItem> out;
    for (const Command& command : commands) {
      if (may_run(from, command)) out.push_back({own, command.name, command.title});
    }
    return out;
  }

  void expire() {
    const auto now = Clock::now();
    std::erase_if(sessions, [&](const auto& entry) { return entry.second.expires < now; });
  }

  void serve(const IncomingIq& iq, const std::shared_ptr<Responder>& responder) {
    const auto attribute = [&](std::string_view name) {
      const std::string* value = iq.payload.attribute(name);
      return value == nullptr ? std::string() : *value;
    };
    if (iq.type != IqType::set || iq.payload.name != "command") {
      responder->error(command_error("modify", "bad-request", "malformed-action",
                                     "commands are IQs of type set"));
      return;
    }
    const std::string node = attribute("node");
    const Command* command = find(node);
    // Rights come first, so that strangers learn nothing of commands and sessions.
    const bool allowed = command != nullptr ? may_run(iq.from, *command)
                                            : may(account_id(iq.from), command::Permission::view);
    if (!allowed) {
      responder->error(Error{Code::forbidden,
                             iq.from.bare().text() + " is not an operator of this agent",
                             {.entry = iq.from.bare().text()}});
      return;
    }
    if (command == nullptr) {
      responder->error(
          command_error("cancel", "item-not-found", "", "there is no command " + node));
      return;
    }
    expire();
    std::string session = attribute("sessionid");
    const std::string action = attribute("action");
    const bool begins = session.empty();
    if (begins) {
      if (!action.empty() && action != "execute" && action != "complete") {
        responder->error(
            command_error("modify", "bad-request", "bad-action", "begin a command with execute"));
        return;
      }
      if (sessions.size() >= kMaxSessions) {
        responder->error(Error{Code::busy, "too many commands are open; try again later"});
        return;
      }
      session = net::random_id();
      sessions[session] = {iq.from, node, Clock::now() + kSessionLife};
    } else {
      const auto open = sessions.find(session);
      if (open == sessions.end() || open->second.owner != iq.from || open->second.node != node) {
        responder->error(command_error("modify", "bad-request", "bad-sessionid",
                                       "the session is unknown or expired; execute anew"));
        return;
      }
      open->second.expires = Clock::now() + kSessionLife;
    }
    step(*command, session, action, begins, iq, responder);
  }

  void step(const Command& command, const std::string& session, const std::string& action,
            bool begins, const IncomingIq& iq, const std::shared_ptr<Responder>& responder) {
    if (action == "cancel") {
      sessions.erase(session);
      responder->result(reply(command.name, session, "canceled"));
      return;
    }
    if (!action.empty() && action != "execute" && action != "complete" && action != "next") {
      responder->error(command_error("modify", "bad-request", "bad-action",
                                     "the action " + action + " is not offered here"));
      return;
    }
    auto values = entered_values(iq.payload);
    if (!values) {
      responder->error(command_error("modify", "bad-request", "bad-payload", values.error().text));
      return;
    }
    const bool submitted = iq.payload.child("x", kDataFormsNamespace) != nullptr;
    if (!submitted && begins && !command.fields.empty()) {
      responder->result(ask(command, session, {}, nullptr));
      return;
    }
    if (const auto checked = command::check(command.fields, *values); !checked) {
      responder->result(ask(command, session, *values, &checked.error()));
      return;
    }
    run(command, session, iq.from, *std::move(values), responder);
  }

  void run(const Command& command, const std::string& session, const Jid& from, Values values,
           const std::shared_ptr<Responder>& responder) {
    for (const command::Field& field : command.fields) {
      const bool entered = values.contains(field.name);
      if (!entered && !field.value.empty()) values[field.name] = {field.value};
    }
    const command::Input input(peer_id(from), values);
    const auto first = first_row(command, input);
    if (!first) {
      responder->result(ask(command, session, values, &first.error()));
      return;
    }
    command.run(input, [self = weak_from_this(), &command, session, values, first = *first,
                        responder](Result<command::Output> output) {
      const auto impl = self.lock();
      if (!impl) return;
      if (!output) {
        responder->result(ask(command, session, values, &output.error()));
        return;
      }
      const Page page = page_of(*std::move(output), first, command.listing);
      impl->sessions.erase(session);
      Element done = reply(command.name, session, "completed");
      for (const command::Note& note : page.output.notes) add_note(done, note);
      done.add(to_element(result_form(page)));
      responder->result(std::move(done));
    });
  }
};

AdhocCommands::AdhocCommands(Session& session, std::vector<Command> commands, command::May may)
    : impl_(std::make_shared<Impl>()) {
  impl_->commands = std::move(commands);
  for (Command& command : impl_->commands) {
    if (command.listing) command.fields.push_back(first_row_field());
  }
  impl_->may = std::move(may);
  impl_->own = session.jid();
  session.serve(std::string(kCommandsNamespace),
                [impl = impl_](const IncomingIq& iq, const std::shared_ptr<Responder>& responder) {
                  impl->serve(iq, responder);
                });
  session.serve_items(std::string(kCommandsNamespace),
                      [impl = impl_](const Jid& from) { return impl->items(from); });
}

AdhocCommands::~AdhocCommands() = default;

void AdhocCommands::handle(const IncomingIq& iq, const std::shared_ptr<Responder>& responder) {
  impl_->serve(iq, responder);
}

}  // namespace tenet::xmpp
