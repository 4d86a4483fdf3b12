#include "server-agent/server_agent.h"

#include <malloc.h>

#include <algorithm>
#include <asio/post.hpp>

#include "common/observe/log.h"
#include "common/protocol/codec.h"
#include "common/protocol/names.h"
#include "common/xmpp/session_log.h"

namespace tenet::server {
namespace {

constexpr std::chrono::seconds kStoreRetry{1};

xmpp::SessionOptions session_options(const ServerConfig& config) {
  xmpp::SessionOptions out = config.xmpp;
  out.client_name = "Tenet server agent";
  return out;
}

}  // namespace

ServerAgent::ServerAgent(runtime::Daemon& daemon, ServerConfig config, std::string config_path,
                         ServerStore store, ServerCore core)
    : daemon_(daemon),
      config_(std::move(config)),
      config_path_(std::move(config_path)),
      store_(std::move(store)),
      write_ahead_(store_),
      core_(std::move(core)),
      session_(daemon.io(), session_options(config_), handlers()),
      commands_(session_,
                server_commands(core_,
                                [this](Command c, const std::string& what, CommandReply reply) {
                                  command(std::move(c), what, std::move(reply));
                                }),
                [this](const Jid& jid) { return config_.operators.contains(jid); }),
      store_retry_(daemon.io()) {
  session_.serve(
      std::string(protocol::kNamespace),
      [this](const xmpp::IncomingIq& iq, const std::shared_ptr<xmpp::Responder>& responder) {
        receive(iq, responder);
      });
  for (const Jid& device : config_.devices) session_.watch(device);
  daemon_.on_stop([this](std::function<void()> done) { session_.stop(std::move(done)); });
  daemon_.on_reload([this] { reload(); });
}

Result<std::unique_ptr<ServerAgent>> ServerAgent::open(runtime::Daemon& daemon, ServerConfig config,
                                                       std::string config_path,
                                                       std::uint64_t least_epoch) {
  auto store = ServerStore::open(config.state);
  if (!store) return fail(store.error());
  const auto epoch = store->next_epoch(least_epoch);
  if (!epoch) return fail(epoch.error());
  auto desired = store->load();
  if (!desired) return fail(desired.error());
  ServerOptions options;
  options.epoch = *epoch;
  options.devices = config.devices;
  options.max_batch_bytes = config.max_batch_bytes;
  options.max_policy_bytes = config.max_policy_bytes;
  options.command_timeout = config.command_timeout;
  options.audit_interval = config.audit_interval;
  ServerCore core(std::move(options), *std::move(desired));
  return std::make_unique<ServerAgent>(daemon, std::move(config), std::move(config_path),
                                       *std::move(store), std::move(core));
}

void ServerAgent::start() {
  log::info("restored", {{"networks", std::to_string(core_.desired().networks().size())},
                         {"epoch", std::to_string(core_.epoch())}});
  session_.start();
}

xmpp::SessionHandlers ServerAgent::handlers() {
  xmpp::SessionHandlers out = runtime::logging_handlers("device");
  out.offline = [this, log = out.offline](const Error& why) {
    log(why);
    post([this](ServerCore& core) {
      for (const Jid& device : config_.devices) core.device_unavailable(device);
      coming_.clear();
    });
  };
  out.presence = [this, log = out.presence](const Jid& peer, bool available) {
    log(peer, available);
    post([this, peer, available](ServerCore& core) {
      if (available) {
        core.device_available(peer);
        coming_.insert(peer);
      } else {
        core.device_unavailable(peer);
        coming_.erase(peer);
      }
    });
  };
  return out;
}

// ---- effects ---------------------------------------------------------------------------------

void ServerAgent::post(const std::function<void(ServerCore&)>& event) {
  event(core_);
  if (scheduled_) return;
  scheduled_ = true;
  asio::post(daemon_.io(), [this] {
    scheduled_ = false;
    perform();
  });
}

void ServerAgent::perform() {
  ServerEffects decided = core_.take();
  for (const Trouble& trouble : std::exchange(decided.troubles, {})) perform(trouble);
  for (const Send& send : write_ahead_.take_ahead(decided)) perform(send);
  const auto effects = write_ahead_.pass(std::move(decided));
  if (!effects) {
    log::error("the store failed, commands and messages wait for it",
               {{"reason", effects.error().text}});
    runtime::Daemon::notify("STATUS=the store failed: " + effects.error().text);
    store_failing_ = true;
    store_retry_.expires_after(kStoreRetry);
    store_retry_.async_wait([this](const std::error_code& error) {
      if (!error) perform();
    });
    return;
  }
  if (std::exchange(store_failing_, false)) {
    log::info("the store works again");
    runtime::Daemon::notify("STATUS=the store works again");
  }
  for (const Send& send : effects->sends) perform(send);
  for (const PeerQuery& query : effects->queries) perform(query);
  for (const Timer& timer : effects->timers) perform(timer);
  for (const Answered& answered : effects->answers) perform(answered);
  if (!coming_.empty()) tidy_up();
}

// To compare with a device takes as much memory for a moment as all its VMs, spread between what
// stays. Once all who came have been compared with it goes back to the system.
void ServerAgent::tidy_up() {
  const auto compared = [this](const Jid& device) {
    const auto link = core_.links().find(device);
    return link == core_.links().end() || link->second.synchronized() ||
           link->second.phase() == Phase::waiting || link->second.phase() == Phase::fenced;
  };
  while (!coming_.empty() && compared(*coming_.begin())) coming_.erase(coming_.begin());
  if (coming_.empty()) ::malloc_trim(0);
}

void ServerAgent::log_sent(const Send& send) const {
  const auto* batch = std::get_if<Batch>(&send.request);
  if (batch == nullptr) return;
  const std::string trace = config_.xmpp.jid.bare().text() + ":" + text(batch->sequence);
  log::info("batch sent", {{"trace", trace},
                           {"device", send.device.text()},
                           {"operations", std::to_string(batch->operations.size())}});
  for (std::size_t i = 0; log::enabled(log::Level::debug) && i < batch->operations.size(); ++i) {
    log::debug("operation sent", {{"trace", trace + "/" + std::to_string(i + 1)},
                                  {"operation", text(batch->operations[i])}});
  }
}

// Until there is room for it in the session's output it is what the core gave: devices share their
// policies.
void ServerAgent::perform(const Send& send) {
  const bool changes =
      std::holds_alternative<Batch>(send.request) || std::holds_alternative<Hello>(send.request);
  const auto out = std::make_shared<const Send>(send);
  session_.request(
      out->device, changes ? xmpp::IqType::set : xmpp::IqType::get,
      [this, out] {
        log_sent(*out);
        return protocol::to_element(out->request);
      },
      config_.request_timeout,
      [this, out](const Result<Element>& reply) {
        Result<Answer> answer = reply ? protocol::parse_answer(*reply, out->request)
                                      : Result<Answer>(fail(reply.error()));
        // It answered, but we do not understand what: the outcome is unknown, not a refusal.
        if (reply && !answer) answer.error().code = Code::unreachable;
        const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        post([&](ServerCore& core) { core.device_answer(out->device, out->token, answer, now); });
      });
}

void ServerAgent::perform(const PeerQuery& query) {
  session_.request(query.server, xmpp::IqType::get, protocol::to_element(query.query),
                   config_.request_timeout, [this, query](const Result<Element>& reply) {
                     const auto answer = reply ? protocol::parse_network_answer(*reply)
                                               : Result<NetworkAnswer>(fail(reply.error()));
                     post([&](ServerCore& core) { core.peer_answer(query.command, answer); });
                   });
}

void ServerAgent::perform(const Timer& timer) {
  // Only commands that are still open need their deadline.
  if (const auto* command = std::get_if<CommandId>(&timer.what);
      command && !open_.contains(*command)) {
    return;
  }
  auto clock = std::make_shared<asio::steady_timer>(daemon_.io(), timer.delay);
  clock->async_wait([this, clock, what = timer.what](const std::error_code& error) {
    if (error) return;
    post([&](ServerCore& core) {
      if (const auto* command = std::get_if<CommandId>(&what)) {
        if (open_.contains(*command)) core.command_deadline(*command);
      } else {
        const auto& [device, token] = std::get<1>(what);
        core.device_retry(device, token);
      }
    });
  });
}

void ServerAgent::command(Command command, const std::string& what, CommandReply reply) {
  const CommandId id = ++next_command_;
  const std::string trace = config_.xmpp.jid.bare().text() + ":" + std::to_string(core_.epoch()) +
                            ".c" + std::to_string(id);
  log::info("command", {{"trace", trace}, {"what", what}});
  open_[id] = {trace, std::move(reply)};
  post([&](ServerCore& core) { core.command(id, std::move(command)); });
}

void ServerAgent::perform(const Answered& answered) {
  const auto open = open_.find(answered.command);
  if (open == open_.end()) return;
  const Open command = std::move(open->second);
  open_.erase(open);
  const CommandResult& result = answered.result;
  if (result.error) {
    log::warning("command refused",
                 {{"trace", command.trace}, {"reason", describe(*result.error)}});
  }
  for (const Receipt& r : result.receipts) {
    log::info("command answered", {{"trace", command.trace},
                                   {"device", r.device.text()},
                                   {"object", r.object},
                                   {"state", std::string(delivery_name(r.delivery))},
                                   {"detail", r.error ? describe(*r.error) : ""}});
  }
  command.reply(result);
}

void ServerAgent::perform(const Trouble& trouble) {
  const std::string device = trouble.device.text();
  const std::string reason = describe(trouble.error);
  if (!trouble.object.empty()) {
    log::warning("refused", {{"device", device}, {"object", trouble.object}, {"reason", reason}});
  } else if (trouble.pause == std::chrono::milliseconds(0)) {
    log::info("a device is compared with again", {{"device", device}, {"reason", reason}});
  } else if (trouble.pause) {
    log::warning("the conversation with a device failed and begins again",
                 {{"device", device},
                  {"reason", reason},
                  {"pause", std::to_string(trouble.pause->count()) + "ms"}});
  } else {
    log::error("a device does not listen to this server", {{"device", device}, {"reason", reason}});
  }
}

// ---- requests of other servers ---------------------------------------------------------------

void ServerAgent::receive(const xmpp::IncomingIq& iq,
                          const std::shared_ptr<xmpp::Responder>& responder) {
  if (!runtime::admit(config_.servers, "a server agent that this one knows", iq, *responder))
    return;
  const auto query = protocol::parse_network_query(iq.payload);
  if (!query) {
    responder->error(query.error());
    return;
  }
  const auto answer = core_.network(*query);
  if (!answer) {
    responder->error(answer.error());
  } else {
    responder->result(protocol::to_element(*answer));
  }
}

void ServerAgent::reload() {
  auto next = load_server_config(config_path_);
  if (!next) {
    log::error("reload refused, the configuration stays as it was",
               {{"reason", next.error().text}});
    return;
  }
  if (auto configured = log::configure(next->log); !configured) {
    log::error("the log stays as it was", {{"reason", configured.error().text}});
  }
  const auto lacks = [](const std::vector<Jid>& list, const Jid& jid) {
    return std::find(list.begin(), list.end(), jid) == list.end();
  };
  for (const Jid& device : config_.devices) {
    if (lacks(next->devices, device)) session_.unwatch(device);
  }
  post([&](ServerCore& core) { core.set_devices(next->devices); });
  for (const Jid& device : next->devices) {
    if (lacks(config_.devices, device)) session_.watch(device);
  }
  config_.operators = next->operators;
  config_.devices = next->devices;
  config_.servers = next->servers;
  log::info("reloaded: operators, devices, servers, log; the rest needs a restart");
}

}  // namespace tenet::server
