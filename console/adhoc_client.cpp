#include "console/adhoc_client.h"

#include "common/protocol/names.h"
#include "common/xmpp/disco.h"
#include "console/fields.h"

namespace tenet::console {
namespace {

using protocol::kCommandsNamespace;
using protocol::kDataFormsNamespace;

std::string attribute_of(const Element& element, std::string_view name) {
  const std::string* value = element.attribute(name);
  return value == nullptr ? std::string() : *value;
}

// Says which agent it was, since one invocation may talk to two.
Error at_agent(const xmpp::Jid& agent, Error error) {
  const std::string name = agent.text();
  if (error.text.find(name) == std::string::npos) {
    error.text = name + (error.code == Code::unreachable ? " is not online: " : ": ") + error.text;
  }
  return error;
}

}  // namespace

Result<CommandReply> parse_command_reply(const Element& element) {
  if (element.name != "command" || element.xmlns != kCommandsNamespace) {
    return fail(Code::invalid, "the agent answered a command with " +
                                   (element.name.empty() ? "nothing" : "<" + element.name + ">"));
  }
  CommandReply out{attribute_of(element, "node"), attribute_of(element, "sessionid"),
                   attribute_of(element, "status")};
  if (out.status != "executing" && out.status != "completed" && out.status != "canceled") {
    return fail(Code::invalid, "the agent answered with the unknown status '" + out.status + "'");
  }
  for (const Element& child : element.children) {
    if (child.name != "note" || child.xmlns != kCommandsNamespace) continue;
    const std::string type = attribute_of(child, "type");
    out.notes.emplace_back(type.empty() ? "info" : type, child.text);  // section 4.3
  }
  if (const Element* x = element.child("x", kDataFormsNamespace)) {
    auto form = xmpp::parse_form(*x);
    if (!form) return fail(form.error());
    out.form = *std::move(form);
  }
  return out;
}

void AdhocClient::send(const xmpp::Jid& agent, const Step& step, ReplyHandler done) {
  Element command{"command", std::string(kCommandsNamespace)};
  command.set("node", step.node);
  if (!step.session.empty()) command.set("sessionid", step.session);
  command.set("action", step.action);
  if (step.form) command.add(xmpp::to_element(*step.form));
  session_.request(agent, xmpp::IqType::set, std::move(command), timeout_,
                   [agent, done = std::move(done)](const Result<Element>& answer) {
                     auto reply = answer ? parse_command_reply(*answer) : fail(answer.error());
                     if (!reply) return done(fail(at_agent(agent, reply.error())));
                     done(std::move(reply));
                   });
}

void AdhocClient::cancel(const xmpp::Jid& agent, const CommandReply& open,
                         std::function<void()> then) {
  send(agent, {open.node, open.session, "cancel"},
       [then = std::move(then)](const Result<CommandReply>&) { then(); });
}

void AdhocClient::list(const xmpp::Jid& agent,
                       std::function<void(Result<std::vector<CommandItem>>)> done) {
  Element query{"query", std::string(xmpp::kDiscoItems)};
  query.set("node", std::string(kCommandsNamespace));
  session_.request(agent, xmpp::IqType::get, std::move(query), timeout_,
                   [agent, done = std::move(done)](const Result<Element>& answer) {
                     if (!answer) return done(fail(at_agent(agent, answer.error())));
                     std::vector<CommandItem> items;
                     for (const Element& child : answer->children) {
                       if (child.name != "item") continue;
                       items.push_back({attribute_of(child, "node"), attribute_of(child, "name")});
                     }
                     done(std::move(items));
                   });
}

void AdhocClient::describe(const xmpp::Jid& agent, const std::string& node,
                           std::function<void(Result<std::optional<xmpp::Form>>)> done) {
  send(agent, {node}, [this, agent, done = std::move(done)](Result<CommandReply> reply) {
    if (!reply) return done(fail(reply.error()));
    if (reply->status != "executing") return done(std::optional<xmpp::Form>());
    cancel(agent, *reply, [done, form = reply->form] { done(form); });
  });
}

void AdhocClient::run(const xmpp::Jid& agent, const std::string& node, xmpp::FormValues fields,
                      const std::function<void(Result<CommandReply>)>& done) {
  const auto completed = [this, agent, done](Result<CommandReply> reply) {
    if (!reply && (reply.error().code == Code::timeout || !session_.online())) {
      reply.error().text += "; the agent may still carry it out: look before you try again";
    }
    if (!reply || reply->status != "executing") return done(std::move(reply));
    cancel(agent, *reply, [done, reply] { done(reply); });
  };
  send(agent, {node},
       [this, agent, node, completed, done, given = std::move(fields)](Result<CommandReply> reply) {
         if (reply && reply->status == "completed" && !given.empty()) {
           reply->notes.emplace_back("info", node + " asks for no fields; none was sent");
         }
         if (!reply || reply->status != "executing") return done(std::move(reply));
         auto filled = fill(reply->form.value_or(xmpp::Form{}), given);
         if (!filled) {
           return cancel(agent, *reply, [done, error = filled.error()] { done(fail(error)); });
         }
         send(agent, {reply->node, reply->session, "complete", *std::move(filled)}, completed);
       });
}

void AdhocClient::run_all(const xmpp::Jid& agent, const std::string& node,
                          const xmpp::FormValues& fields,
                          const std::function<void(Result<CommandReply>)>& done) {
  if (fields.contains("first")) return run(agent, node, fields, done);  // one page is wanted
  run_on(agent, node, fields, {}, done);
}

void AdhocClient::run_on(const xmpp::Jid& agent, const std::string& node, xmpp::FormValues fields,
                         std::vector<std::vector<std::string>> rows,
                         const std::function<void(Result<CommandReply>)>& done) {
  run(agent, node, fields,
      [this, agent, node, fields, done,
       rows = std::move(rows)](Result<CommandReply> reply) mutable {
        if (!reply || !reply->form || reply->form->type != "result") return done(std::move(reply));
        auto& items = reply->form->items;
        rows.insert(rows.end(), items.begin(), items.end());
        const auto values = xmpp::values_of(*reply->form);
        const auto next = values.find("next");
        if (next != values.end() && !items.empty()) {
          fields["first"] = next->second;
          return run_on(agent, node, std::move(fields), std::move(rows), done);
        }
        // What the notes say of pages is of no interest once all are there.
        if (rows.size() != items.size()) reply->notes.clear();
        items = std::move(rows);
        done(std::move(reply));
      });
}

}  // namespace tenet::console
