#include "common/xmpp/adhoc.h"

#include <algorithm>

#include "common/core/text.h"
#include "common/net/random.h"
#include "common/protocol/names.h"

namespace tenet::xmpp {
namespace {

using protocol::Form;
using protocol::FormField;
using protocol::kCommandsNamespace;
using protocol::kDataFormsNamespace;
using protocol::kStanzasNamespace;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes kSessionLife{5};
constexpr std::size_t kMaxSessions = 1'000;
// Each row stands twice in the result; with its markup it stays far below a stanza's limit.
constexpr std::size_t kMaxPageBytes = 120'000;

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

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// The rows once more as text, for consoles without tables: "column: value, ..." per row.
std::vector<std::string> rows_as_text(const CommandOutput& output) {
  std::vector<std::string> lines;
  for (const auto& row : output.rows) {
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < output.columns.size() && i < row.size(); ++i) {
      if (!row[i].empty()) cells.push_back(output.columns[i] + ": " + row[i]);
    }
    lines.push_back(join(cells, ", "));
  }
  if (lines.empty()) lines.emplace_back("nothing to list");
  return lines;
}

FormField first_field() {
  return {"first", "text-single", "First row to list", {"1"}};
}

// The rows that fit into one answer, from row `first` (counted from one) on. Only of a listing can
// the rest be asked for.
void cut_page(CommandOutput& output, std::size_t first, bool listing) {
  const std::size_t total = output.rows.size();
  const std::size_t begin = std::min(first - 1, total);
  std::size_t bytes = 0;
  std::size_t end = begin;
  for (; end < total; ++end) {
    for (std::size_t i = 0; i < output.rows[end].size(); ++i) {
      // As a cell with its element and column name, and in the text.
      bytes += 2 * output.rows[end][i].size() + 2 * output.columns[i].size() + 48;
    }
    if (end > begin && bytes > kMaxPageBytes) break;
  }
  output.rows.erase(output.rows.begin() + static_cast<std::ptrdiff_t>(end), output.rows.end());
  output.rows.erase(output.rows.begin(), output.rows.begin() + static_cast<std::ptrdiff_t>(begin));
  if (begin == 0 && end == total) return;
  std::string note = "rows " + std::to_string(begin + 1) + " to " + std::to_string(end) + " of " +
                     std::to_string(total);
  if (end < total && listing) {
    output.next = end + 1;
    note += "; the next begin with first=" + std::to_string(output.next);
  }
  output.notes.emplace_back("info", note);
}

Form result_form(const CommandOutput& output) {
  Form form{"result", output.title};
  if (!output.columns.empty()) {
    for (const std::string& column : output.columns) {
      form.reported.push_back({column, "text-single", column});
    }
    form.items = output.rows;
    form.fields.push_back({"rows", "text-multi", "Rows", rows_as_text(output)});
    if (output.next != 0) {
      form.fields.push_back(
          {"next", "text-single", "First row of the next page", {std::to_string(output.next)}});
    }
  }
  if (!output.document.empty()) {
    FormField field{"document", "text-multi", "Document"};
    for (const std::string_view line : split(output.document, '\n')) {
      field.values.emplace_back(line);
    }
    form.fields.push_back(std::move(field));
  }
  return form;
}

}  // namespace

std::string CommandInput::text(std::string_view field) const {
  const auto found = values_.find(field);
  return found == values_.end() || found->second.empty() ? "" : trimmed(found->second.front());
}

std::string CommandInput::lines(std::string_view field) const {
  const auto found = values_.find(field);
  return found == values_.end() ? "" : join(found->second, "\n");
}

std::vector<std::string> CommandInput::words(std::string_view field) const {
  std::vector<std::string> out;
  const auto found = values_.find(field);
  if (found == values_.end()) return out;
  for (const std::string& value : found->second) {
    for (const std::string_view word : split_words(value)) {
      for (const std::string_view piece : split(word, ',')) {
        if (!piece.empty()) out.emplace_back(piece);
      }
    }
  }
  return out;
}

struct AdhocCommands::Impl : std::enable_shared_from_this<Impl> {
  struct Open {
    Jid owner;  // the full JID that began it
    std::string node;
    Clock::time_point expires;
  };

  std::vector<AdhocCommand> commands;
  std::function<bool(const Jid&)> may_run;
  Jid own;
  std::map<std::string, Open> sessions;

  const AdhocCommand* find(const std::string& node) const {
    const auto found = std::find_if(commands.begin(), commands.end(),
                                    [&](const AdhocCommand& c) { return c.node == node; });
    return found == commands.end() ? nullptr : &*found;
  }

  std::vector<DiscoItem> items(const Jid& from) const {
    std::vector<DiscoItem> out;
    if (!may_run(from.bare())) return out;
    for (const AdhocCommand& command : commands) out.push_back({own, command.node, command.name});
    return out;
  }

  void expire() {
    const auto now = Clock::now();
    std::erase_if(sessions, [&](const auto& entry) { return entry.second.expires < now; });
  }

  Element reply(const std::string& node, const std::string& session, std::string_view status) {
    Element out{"command", std::string(kCommandsNamespace)};
    out.set("node", node).set("sessionid", session).set("status", std::string(status));
    return out;
  }

  static void add_note(Element& to, const std::string& type, const std::string& text) {
    to.add("note").set("type", type).text = text;
  }

  // The form, with what was entered already, and with what is wrong with it.
  Element ask(const AdhocCommand& command, const std::string& session,
              const protocol::FormValues& entered, const Error* error) {
    Element out = reply(command.node, session, "executing");
    out.add("actions").set("execute", "complete").add("complete");
    Form form{"form", command.name, command.summary, command.fields};
    for (FormField& field : form.fields) {
      const auto value = entered.find(field.var);
      if (value != entered.end()) field.values = value->second;
    }
    if (error != nullptr) {
      form.instructions = "Not accepted: " + describe(*error);
      add_note(out, "error", describe(*error));
    }
    out.add(protocol::to_element(form));
    return out;
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
    // Rights come first, so that strangers learn nothing of commands and sessions.
    if (!may_run(iq.from.bare())) {
      responder->error(Error{Code::forbidden,
                             iq.from.bare().text() + " is not an operator of this agent",
                             {.entry = iq.from.bare().text()}});
      return;
    }
    const std::string node = attribute("node");
    const AdhocCommand* command = find(node);
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

  void step(const AdhocCommand& command, const std::string& session, const std::string& action,
            bool begins, const IncomingIq& iq, const std::shared_ptr<Responder>& responder) {
    if (action == "cancel") {
      sessions.erase(session);
      responder->result(reply(command.node, session, "canceled"));
      return;
    }
    if (!action.empty() && action != "execute" && action != "complete" && action != "next") {
      responder->error(command_error("modify", "bad-request", "bad-action",
                                     "the action " + action + " is not offered here"));
      return;
    }
    const Element* x = iq.payload.child("x", kDataFormsNamespace);
    protocol::FormValues values;
    if (x != nullptr) {
      auto form = protocol::parse_form(*x);
      if (!form || (form->type != "submit" && form->type != "form")) {
        responder->error(
            command_error("modify", "bad-request", "bad-payload", "send a form of type submit"));
        return;
      }
      values = protocol::values_of(*form);
    }
    if (x == nullptr && begins && !command.fields.empty()) {
      responder->result(ask(command, session, {}, nullptr));
      return;
    }
    if (const auto error = check(command, values)) {
      responder->result(ask(command, session, values, &*error));
      return;
    }
    run(command, session, iq.from, std::move(values), responder);
  }

  // Unknown fields, and required ones that are empty.
  static std::optional<Error> check(const AdhocCommand& command,
                                    const protocol::FormValues& values) {
    for (const auto& [var, entered] : values) {
      const bool known =
          std::any_of(command.fields.begin(), command.fields.end(),
                      [&, &name = var](const FormField& f) { return f.var == name; });
      if (!known && var != "FORM_TYPE") {
        return Error{Code::invalid, "the field " + var + " is unknown", {.entry = var}};
      }
    }
    const CommandInput input({}, values);
    for (const FormField& field : command.fields) {
      if (field.required && !input.has(field.var)) {
        return Error{Code::invalid,
                     "the field " + field.var + " is empty; it is required",
                     {.entry = field.var}};
      }
      if (field.options.empty() || !input.has(field.var)) continue;
      const std::string value = input.text(field.var);
      if (std::find(field.options.begin(), field.options.end(), value) == field.options.end()) {
        return Error{Code::invalid,
                     field.var + " is '" + value + "'; write one of " + join(field.options, ", "),
                     {.entry = field.var}};
      }
    }
    return std::nullopt;
  }

  void run(const AdhocCommand& command, const std::string& session, const Jid& from,
           protocol::FormValues values, const std::shared_ptr<Responder>& responder) {
    // A field that was not submitted has its default.
    for (const FormField& field : command.fields) {
      if (!values.contains(field.var)) values[field.var] = field.values;
    }
    const CommandInput input(from, values);
    std::size_t first = 1;
    if (command.listing && input.has("first")) {
      const auto number = parse_unsigned(input.text("first"), 1'000'000'000);
      if (!number || *number == 0) {
        const Error error{Code::invalid,
                          "first is '" + input.text("first") + "'; write a number from 1",
                          {.entry = "first"}};
        responder->result(ask(command, session, values, &error));
        return;
      }
      first = *number;
    }
    command.run(input, [self = weak_from_this(), &command, session, values, first,
                        responder](Result<CommandOutput> output) {
      const auto impl = self.lock();
      if (!impl) return;
      if (output) cut_page(*output, first, command.listing);
      if (!output) {
        responder->result(impl->ask(command, session, values, &output.error()));
        return;
      }
      impl->sessions.erase(session);
      Element done = impl->reply(command.node, session, "completed");
      for (const auto& [type, text] : output->notes) add_note(done, type, text);
      done.add(protocol::to_element(result_form(*output)));
      responder->result(std::move(done));
    });
  }
};

AdhocCommands::AdhocCommands(Session& session, std::vector<AdhocCommand> commands,
                             std::function<bool(const Jid&)> may_run)
    : impl_(std::make_shared<Impl>()) {
  impl_->commands = std::move(commands);
  for (AdhocCommand& command : impl_->commands) {
    if (command.listing) command.fields.push_back(first_field());
  }
  impl_->may_run = std::move(may_run);
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
