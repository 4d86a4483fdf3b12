#include "device-agent/device_agent.h"

#include <algorithm>
#include <asio/post.hpp>
#include <set>

#include "common/core/shadow.h"
#include "common/core/text.h"
#include "common/observe/log.h"
#include "common/runtime/reload.h"
#include "common/xmpp/xmpp_carrier.h"
#include "device-agent/device_commands.h"

namespace tenet::device {
namespace {

std::unique_ptr<carrier::Carrier> make_carrier(asio::io_context& io, const DeviceConfig& config) {
  xmpp::XmppCarrierOptions options{config.xmpp, "server", "a server agent of this device"};
  options.session.client_name = "Tenet device agent";
  return std::make_unique<xmpp::XmppCarrier>(io, std::move(options));
}

// The datapath sees leases of other hosts too, and of VMs with registered addresses, which need
// none.
std::set<Lease> of_unaddressed(const std::vector<Lease>& leases, const DeviceCore& core) {
  std::set<Lease> out;
  for (const Lease& lease : leases) {
    const VmPtr vm = core.enabled(lease.mac);
    if (vm && vm->addresses.empty()) out.insert(lease);
  }
  return out;
}

void log_warnings(const std::string& trace, const Operation& operation) {
  const PolicyPtr policy = policy_of(operation);
  if (!policy) return;
  for (const std::string& warning : shadow_warnings(*policy)) {
    log::warning("policy accepted, a rule never matches",
                 {{"trace", trace}, {"vnid", policy->vnid().text()}, {"reason", warning}});
  }
}

}  // namespace

DeviceAgent::DeviceAgent(runtime::Daemon& daemon, DeviceConfig config, std::string config_path,
                         DeviceStore store, std::unique_ptr<Driver> driver)
    : daemon_(daemon),
      config_(std::move(config)),
      config_path_(std::move(config_path)),
      store_(std::move(store)),
      driver_(std::move(driver)),
      core_({config_.baseline, config_.capacity, driver_->capabilities()}),
      commit_loop_(core_, store_, *driver_),
      carrier_(make_carrier(daemon.io(), config_)),
      expiry_(daemon_.io()),
      repair_timer_(daemon.io()) {
  carrier_->serve(device_commands({core_, [this] { return driver_->leases(); },
                                   [this] { return repair("resync"); }}),
                  [this](const PeerId& account, command::Permission) {
                    return config_.operators.contains(account);
                  });
  carrier_->accept_from(config_.servers);
  for (const PeerId& server : config_.servers) carrier_->watch(server);
  daemon_.on_stop([this](std::function<void()> done) {
    persist_leases();  // a reboot may follow
    carrier_->stop(std::move(done));
  });
  daemon_.on_reload([this] { reload(); });
}

Result<void> DeviceAgent::start() {
  auto stored = store_.load();
  auto leases = store_.leases();
  if (!stored || !leases) {
    driver_->guard();
    return fail(stored ? leases.error() : stored.error());
  }
  core_.load(*stored);
  driver_->seed_leases(*leases);
  auto restored = commit_loop_.restore();
  compared_ = std::chrono::steady_clock::now();
  if (!restored) {
    Error error = restored.error();
    error.text = "the datapath refuses what the store holds: " + error.text;
    return fail(error);
  }
  log::info("restored", {{"networks", std::to_string(core_.networks().size())},
                         {"members", std::to_string(stored->members.size())},
                         {"repaired", join(restored->repaired, ", ")},
                         {"driver", std::string(driver_->name())}});
  persist_leases();
  driver_->watch([this] { static_cast<void>(repair("link lost")); });
  schedule_repair();
  carrier::Handlers handlers;
  handlers.request = [this](const PeerId& server, Result<Request> request,
                            const std::shared_ptr<carrier::Responder>& responder) {
    receive(server, std::move(request), responder);
  };
  carrier_->start(std::move(handlers));
  schedule_expiry();
  return {};
}

Result<std::vector<std::string>> DeviceAgent::repair(std::string_view why) {
  compared_ = std::chrono::steady_clock::now();
  auto repaired = commit_loop_.repair(why);
  if (repaired) persist_leases();
  return repaired;
}

void DeviceAgent::persist_leases() {
  auto leases = driver_->leases();
  Result<void> kept;
  if (leases) kept = store_.persist_leases(of_unaddressed(*leases, core_));
  if (!leases || !kept) {
    log::warning("leases of VMs are not kept",
                 {{"reason", describe(leases ? kept.error() : leases.error())}});
  }
}

void DeviceAgent::schedule_repair() {
  repair_timer_.after(config_.repair_interval, [this] {
    static_cast<void>(repair("timer"));
    schedule_repair();
  });
}

void DeviceAgent::receive(const PeerId& server, Result<Request> request,
                          const std::shared_ptr<carrier::Responder>& responder) {
  if (!request) {
    flush();  // answers leave in the order of their requests
    responder->refuse(request.error());
    return;
  }
  if (pending_.empty()) asio::post(daemon_.io(), [this] { flush(); });
  pending_.push_back({{server, *std::move(request)}, responder});
}

void DeviceAgent::flush() {
  const std::vector<Pending> pending = std::exchange(pending_, {});
  std::vector<ServerRequest> requests;
  requests.reserve(pending.size());
  for (const Pending& p : pending) requests.push_back(p.request);
  // A server that says hello compares digests with the core: they are to be true of the kernel too.
  // Servers that come at once, after a lost broker, share one comparison.
  const bool greeted = std::any_of(requests.begin(), requests.end(), [](const ServerRequest& r) {
    return std::holds_alternative<Hello>(r.request);
  });
  if (greeted && std::chrono::steady_clock::now() - compared_ > std::chrono::seconds(1)) {
    static_cast<void>(repair("hello"));
  }
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto answers = commit_loop_.run(requests, now);
  if (!answers) {
    // Datapath and store differ now, and only a start repairs that.
    log::error("ending, store and datapath differ", {{"reason", describe(answers.error())}});
    daemon_.end(1);
    return;
  }
  for (std::size_t i = 0; i < pending.size(); ++i) answer(pending[i], (*answers)[i]);
  schedule_expiry();
}

void DeviceAgent::schedule_expiry() {
  const auto next = core_.next_expiry();
  if (!next) {
    expiry_.cancel();
    return;
  }
  // In seconds: the clock's nanoseconds do not reach as far as a time in the store may.
  const std::chrono::milliseconds left =
      *next - std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  // A store that fails is tried again after a second, not at once. A clock that went back is
  // noticed after one time-out.
  const std::chrono::milliseconds longest = core_.options().capacity.reservation_timeout;
  expiry_.after(std::clamp<std::chrono::milliseconds>(left, std::chrono::seconds(1), longest),
                [this] { flush(); });
}

void DeviceAgent::answer(const Pending& pending, const Result<Answer>& answer) {
  log_batch(pending.request, answer);
  if (answer) {
    pending.responder->answer(*answer);
  } else {
    pending.responder->refuse(answer.error());
  }
}

void DeviceAgent::log_batch(const ServerRequest& request, const Result<Answer>& answer) const {
  const auto* batch = std::get_if<Batch>(&request.request);
  if (!answer) {
    log::warning("request refused",
                 {{"server", request.server.text()}, {"reason", describe(answer.error())}});
    return;
  }
  if (batch == nullptr) return;
  const auto& results = std::get<BatchAnswer>(*answer).results;
  const std::string trace = request.server.text() + ":" + text(batch->sequence);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string place = trace + "/" + std::to_string(i + 1);
    if (results[i]) {
      log::warning("operation refused", {{"trace", place},
                                         {"operation", text(batch->operations[i])},
                                         {"reason", describe(*results[i])}});
    } else {
      log::debug("operation done", {{"trace", place}, {"operation", text(batch->operations[i])}});
      log_warnings(place, batch->operations[i]);
    }
  }
  log::info("batch applied", {{"trace", trace}, {"operations", std::to_string(results.size())}});
}

void DeviceAgent::reload() {
  const auto next = runtime::accept_reload(load_device_config(config_path_));
  if (!next) return;
  runtime::update_watched(*carrier_, config_.servers, next->servers);
  carrier_->accept_from(next->servers);
  config_.operators = next->operators;
  config_.servers = next->servers;
  core_.set_limits(next->baseline, next->capacity);
  schedule_expiry();
  log::info("reloaded: operators, servers, baseline, capacity, log; the rest needs a restart");
}

}  // namespace tenet::device
