#include "server-agent/server_agent.h"

#include <malloc.h>

#include <algorithm>
#include <asio/post.hpp>

#include "common/observe/log.h"
#include "common/runtime/reload.h"
#include "common/xmpp/jid.h"
#include "common/xmpp/xmpp_carrier.h"

namespace tenet::server {
namespace {

constexpr std::chrono::seconds kStoreRetry{1};

std::unique_ptr<carrier::Carrier> make_carrier(asio::io_context& io, const ServerConfig& config) {
  xmpp::XmppCarrierOptions options{config.xmpp, "device", "a server agent that this one knows"};
  options.session.client_name = "Tenet server agent";
  return std::make_unique<xmpp::XmppCarrier>(io, std::move(options));
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
      carrier_(make_carrier(daemon.io(), config_)),
      store_retry_(daemon.io()) {
  const auto submit = [this](Command c, const std::string& what, CommandReply reply) {
    command(std::move(c), what, std::move(reply));
  };
  carrier_->serve(operator_commands(core_, submit),
                  [this](const PeerId& account, command::Permission) {
                    return config_.operators.contains(account);
                  });
  carrier_->accept_from(config_.servers);
  for (const PeerId& device : config_.devices) carrier_->watch(device);
  daemon_.on_stop([this](std::function<void()> done) { carrier_->stop(std::move(done)); });
  daemon_.on_reload([this] { reload(); });
}

Result<std::unique_ptr<ServerAgent>> ServerAgent::open(runtime::Daemon& daemon, ServerConfig config,
                                                       std::string config_path,
                                                       std::uint64_t least_epoch) {
  auto store = ServerStore::open(config.state, xmpp::parse_peer);
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
  carrier_->start(handlers());
}

carrier::Handlers ServerAgent::handlers() {
  carrier::Handlers out;
  out.offline = [this](const Error&) {
    post([this](ServerCore& core) {
      for (const PeerId& device : config_.devices) core.device_unavailable(device);
      awaiting_sync_.clear();
    });
  };
  out.presence = [this](const PeerId& peer, bool available) {
    post([this, peer, available](ServerCore& core) {
      if (available) {
        core.device_available(peer);
        awaiting_sync_.insert(peer);
      } else {
        core.device_unavailable(peer);
        awaiting_sync_.erase(peer);
      }
    });
  };
  out.query = [this](const NetworkQuery& query) { return core_.network(query); };
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
  for (const Diagnostic& diagnostic : std::exchange(decided.diagnostics, {})) perform(diagnostic);
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
  if (!awaiting_sync_.empty()) trim_memory();
}

// A comparison takes as much memory for a moment as all of the device's VMs, spread between what
// stays. It goes back to the system once all devices that became available have been compared with.
void ServerAgent::trim_memory() {
  const auto compared = [this](const PeerId& device) {
    const auto link = core_.links().find(device);
    return link == core_.links().end() || link->second.synchronized() ||
           link->second.phase() == Phase::waiting || link->second.phase() == Phase::fenced;
  };
  while (!awaiting_sync_.empty() && compared(*awaiting_sync_.begin())) {
    awaiting_sync_.erase(awaiting_sync_.begin());
  }
  if (awaiting_sync_.empty()) ::malloc_trim(0);
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

void ServerAgent::perform(const Send& send) {
  // Shared: until there is room for it, the request is what the core gave, and devices share their
  // policies.
  const auto out = std::make_shared<const Send>(send);
  carrier_->send({.to = out->device,
                  .request = std::shared_ptr<const Request>(out, &out->request),
                  .timeout = config_.request_timeout,
                  .leaving = [this, out] { log_sent(*out); },
                  .answered =
                      [this, out](const Result<Answer>& answer) {
                        const auto now = std::chrono::floor<std::chrono::seconds>(
                            std::chrono::system_clock::now());
                        post([&](ServerCore& core) {
                          core.device_answer(out->device, out->token, answer, now);
                        });
                      }});
}

void ServerAgent::perform(const PeerQuery& query) {
  carrier_->query(query.server, query.query, config_.request_timeout,
                  [this, id = query.command](const Result<NetworkAnswer>& answer) {
                    post([&](ServerCore& core) { core.peer_answer(id, answer); });
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
        const DeviceTimer& due = std::get<DeviceTimer>(what);
        core.device_timer_expired(due.device, due.token);
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
                                   {"state", std::string(status_name(r.status))},
                                   {"detail", r.error ? describe(*r.error) : ""}});
  }
  command.reply(result);
}

void ServerAgent::perform(const Diagnostic& diagnostic) {
  const std::string device = diagnostic.device.text();
  const std::string reason = describe(diagnostic.error);
  if (!diagnostic.object.empty()) {
    log::warning("refused",
                 {{"device", device}, {"object", diagnostic.object}, {"reason", reason}});
  } else if (diagnostic.pause == std::chrono::milliseconds(0)) {
    log::info("device resync", {{"device", device}, {"reason", reason}});
  } else if (diagnostic.pause) {
    log::warning("conversation with a device failed, it begins again after a pause",
                 {{"device", device},
                  {"reason", reason},
                  {"pause", std::to_string(diagnostic.pause->count()) + "ms"}});
  } else {
    log::error("a device refuses this server's epoch", {{"device", device}, {"reason", reason}});
  }
}

void ServerAgent::reload() {
  const auto next = runtime::accept_reload(load_server_config(config_path_));
  if (!next) return;
  post([&](ServerCore& core) { core.set_devices(next->devices); });
  runtime::update_watched(*carrier_, config_.devices, next->devices);
  carrier_->accept_from(next->servers);
  config_.operators = next->operators;
  config_.devices = next->devices;
  config_.servers = next->servers;
  log::info("reloaded: operators, devices, servers, log; the rest needs a restart");
}

}  // namespace tenet::server
