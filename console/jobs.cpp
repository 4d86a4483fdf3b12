#include "console/jobs.h"

#include "common/core/text.h"
#include "console/fields.h"
#include "console/migration.h"
#include "console/wait.h"

namespace tenet::console {
namespace {

using Done = std::function<void(Outcome)>;
using AgentJob = std::function<void(AdhocClient&, const xmpp::Jid& agent, Done)>;

// The full JID of an agent of unknown kind: that of the two default resources which is online.
void probe(AdhocClient& client, const xmpp::Jid& bare,
           const std::function<void(Result<xmpp::Jid>)>& found) {
  const xmpp::Jid server = bare.with_resource(default_resource(AgentKind::server));
  client.list(server, [&client, bare, server, found](const auto& items) {
    if (items || items.error().code != Code::unreachable) return found(server);
    const xmpp::Jid device = bare.with_resource(default_resource(AgentKind::device));
    client.list(device, [bare, device, found](const auto& others) {
      if (others || others.error().code != Code::unreachable) return found(device);
      found(fail(Code::unreachable,
                 "neither " + bare.text() +
                     "/server-agent nor /device-agent is online; start the "
                     "agent, or write its full JID if its resource is another",
                 {.entry = bare.text()}));
    });
  });
}

Job at_agent(xmpp::Jid agent, AgentJob job) {
  return [agent = std::move(agent), job = std::move(job)](AdhocClient& client, const Done& done) {
    if (!agent.is_bare()) return job(client, agent, done);
    probe(client, agent, [&client, job, done](const Result<xmpp::Jid>& found) {
      if (!found) return done(failed(found.error()));
      job(client, *found, done);
    });
  };
}

void list_commands(AdhocClient& client, const xmpp::Jid& agent, const Done& done) {
  client.list(agent, [done, agent](const Result<std::vector<CommandItem>>& items) {
    if (!items) return done(failed(items.error()));
    Outcome out{Exit::done, {}, {"command", "name"}};
    for (const CommandItem& item : *items) out.rows.push_back({item.node, item.name});
    if (out.rows.empty()) {  // agents show no commands to strangers
      out.exit = Exit::forbidden;
      out.notes.emplace_back("error", agent.text() +
                                          " offers you no commands: is your account "
                                          "among its operators?");
    }
    done(out);
  });
}

AgentJob describe_command(const std::string& node) {
  return [node](AdhocClient& client, const xmpp::Jid& agent, const Done& done) {
    client.describe(agent, node, [done, node](const Result<std::optional<xmpp::Form>>& form) {
      if (!form) return done(failed(form.error()));
      if (*form) return done(describe_form(**form));
      done({Exit::done, {{"info", node + " has no fields; it has run"}}});
    });
  };
}

Result<xmpp::Jid> agent_of(const Task& task, const ConsoleConfig& config) {
  const bool by_default = task.agent.empty() && task.agent_kind == AgentKind::server;
  if (by_default && config.default_server.empty()) {
    return fail(Code::configuration,
                "which server agent? Use --server, or write default-server at the top of the "
                "configuration");
  }
  const std::string& name = by_default ? config.default_server : task.agent;
  if (task.agent_kind) return config.agents.find(name, *task.agent_kind);
  auto jid = config.agents.find(name);
  if (jid && jid->is_bare() && !task.resource.empty()) return jid->with_resource(task.resource);
  return jid;
}

}  // namespace

Outcome describe_form(const xmpp::Form& form) {
  Outcome out{Exit::done, {}, {"field", "type", "required", "default", "choices", "label"}};
  for (const xmpp::FormField& field : form.fields) {
    if (field.type == "fixed" || field.type == "hidden") continue;
    out.rows.push_back({field.var, field.type, field.required ? "yes" : "no",
                        join(field.values, " "), join(field.options, " "), field.label});
  }
  if (!form.instructions.empty()) out.notes.emplace_back("info", form.instructions);
  return out;
}

Result<Job> make_job(const Task& task, const ConsoleConfig& config, std::istream& standard_input,
                     std::ostream& progress) {
  auto agent = agent_of(task, config);
  if (!agent) return fail(agent.error());
  if (task.kind == Task::Kind::list) return at_agent(*agent, list_commands);
  if (task.kind == Task::Kind::describe) return at_agent(*agent, describe_command(task.node));
  if (task.kind == Task::Kind::wait) return wait_for(*agent, task.wait, progress);
  auto fields = read_fields(task.fields, config.agents, standard_input);
  if (!fields) return fail(fields.error());
  if (task.kind == Task::Kind::migrate) {
    auto source = config.agents.find(task.source, AgentKind::server);
    if (!source) return fail(source.error());
    return migrate(*source, *agent, *std::move(fields), task.parallel);
  }
  return at_agent(*agent, [node = task.node, values = *std::move(fields)](
                              AdhocClient& client, const xmpp::Jid& jid, const Done& done) {
    client.run_all(jid, node, values,
                   [done](const Result<CommandReply>& reply) { done(outcome_of(reply)); });
  });
}

}  // namespace tenet::console
