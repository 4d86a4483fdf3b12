#include "device-agent/device_agent.h"

#include <algorithm>
#include <asio/post.hpp>

#include "common/core/shadow.h"
#include "common/core/text.h"
#include "common/protocol/codec.h"
#include "common/protocol/names.h"
#include "common/runtime/log.h"
#include "common/runtime/session_log.h"
#include "device-agent/device_commands.h"

namespace tenet::device {
namespace {

xmpp::SessionOptions session_options(const DeviceConfig& config) {
  xmpp::SessionOptions out = config.xmpp;
  out.client_name = "Tenet device agent";
  return out;
}

bool touches(const Operation& operation, const DriverRefusal& refusal) {
  if (const auto* vnid = std::get_if<Vnid>(&refusal.culprit)) {
    return operation_vnid(operation) == *vnid;
  }
  const MemberKey& key = std::get<MemberKey>(refusal.culprit);
  const auto* associate = std::get_if<Associate>(&operation);
  const auto* dissociate = std::get_if<Dissociate>(&operation);
  return operation_vnid(operation) == key.vnid &&
         ((associate != nullptr && associate->vm->id == key.vm) ||
          (dissociate != nullptr && dissociate->vm == key.vm) ||
          std::holds_alternative<PolicyWithdraw>(operation));
}

// The policy that the operation brings, or nothing.
PolicyPtr policy_of(const Operation& operation) {
  if (const auto* sync = std::get_if<PolicySync>(&operation)) return sync->policy;
  if (const auto* update = std::get_if<PolicyUpdate>(&operation)) return update->policy;
  const auto* associate = std::get_if<Associate>(&operation);
  return associate == nullptr ? nullptr : associate->policy;
}

void log_warnings(const std::string& trace, const Operation& operation) {
  const PolicyPtr policy = policy_of(operation);
  if (!policy) return;
  for (const std::string& warning : shadow_warnings(*policy)) {
    log::warning("policy taken with a useless rule",
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
      session_(daemon.io(), session_options(config_), runtime::logging_handlers("server")),
      commands_(session_,
                device_commands({core_, [this] { return driver_->leases(); },
                                 [this] { return repair("resync"); }}),
                [this](const Jid& jid) { return config_.operators.contains(jid); }),
      expiry_(daemon_.io()),
      repair_timer_(daemon.io()) {
  session_.serve(
      std::string(protocol::kNamespace),
      [this](const xmpp::IncomingIq& iq, const std::shared_ptr<xmpp::Responder>& responder) {
        receive(iq, responder);
      });
  for (const Jid& server : config_.servers) session_.watch(server);
  daemon_.on_stop([this](std::function<void()> done) { session_.stop(std::move(done)); });
  daemon_.on_reload([this] { reload(); });
}

Result<void> DeviceAgent::start() {
  auto stored = store_.load();
  if (!stored) return fail(stored.error());
  core_.load(*stored);
  auto repaired = driver_->restore(core_.datapath_state());
  if (!repaired) {
    Error error = repaired.error();
    error.text = "the datapath refuses what the store holds: " + error.text;
    return fail(error);
  }
  compared_ = std::chrono::steady_clock::now();
  log::info("restored", {{"networks", std::to_string(core_.networks().size())},
                         {"members", std::to_string(stored->members.size())},
                         {"repaired", join(*repaired, ", ")},
                         {"driver", std::string(driver_->name())}});
  driver_->watch([this] { static_cast<void>(repair("link lost")); });
  repair_later();
  session_.start();
  await_expiry();
  return {};
}

Result<std::vector<std::string>> DeviceAgent::repair(std::string_view why) {
  auto repaired = driver_->restore(core_.datapath_state());
  compared_ = std::chrono::steady_clock::now();
  if (!repaired) {
    log::error("the datapath cannot be repaired",
               {{"why", std::string(why)}, {"reason", describe(repaired.error())}});
  } else if (!repaired->empty()) {
    log::warning("the datapath was not as it was left, and is repaired",
                 {{"why", std::string(why)}, {"repaired", join(*repaired, ", ")}});
  }
  return repaired;
}

void DeviceAgent::repair_later() {
  repair_timer_.after(config_.repair_interval, [this] {
    static_cast<void>(repair("timer"));
    repair_later();
  });
}

void DeviceAgent::receive(const xmpp::IncomingIq& iq,
                          const std::shared_ptr<xmpp::Responder>& responder) {
  if (!runtime::admit(config_.servers, "a server agent of this device", iq, *responder)) return;
  auto request = protocol::parse_request(iq.payload);
  if (!request) {
    log::warning("malformed request refused",
                 {{"from", iq.from.text()}, {"reason", describe(request.error())}});
    responder->error(request.error());
    return;
  }
  const bool changes =
      std::holds_alternative<Batch>(*request) || std::holds_alternative<Hello>(*request);
  if (changes != (iq.type == xmpp::IqType::set)) {
    responder->error(Error{
        Code::invalid,
        std::string("send ") + iq.payload.name + " as an IQ of type " + (changes ? "set" : "get"),
        {.entry = iq.payload.name}});
    return;
  }
  if (pending_.empty()) asio::post(daemon_.io(), [this] { flush(); });
  pending_.push_back({iq.from.bare().text(), *std::move(request), responder});
}

void DeviceAgent::flush() {
  std::vector<Pending> pending = std::exchange(pending_, {});
  // A server that opens a conversation compares digests with the core: they shall speak for the
  // kernel too. Many that come at once, after a lost broker, share one look.
  const bool greeted = std::any_of(pending.begin(), pending.end(), [](const Pending& p) {
    return std::holds_alternative<Hello>(p.request);
  });
  if (greeted && std::chrono::steady_clock::now() - compared_ > std::chrono::seconds(1)) {
    static_cast<void>(repair("hello"));
  }
  // Each round that fails refuses at least one more operation, so that this ends.
  while (!round(pending)) {
  }
  await_expiry();
}

void DeviceAgent::await_expiry() {
  const auto next = core_.next_expiry();
  if (!next) {
    expiry_.cancel();
    return;
  }
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(*next - std::chrono::system_clock::now());
  // A store that fails is tried again after a second, not at once. And a clock that went back is
  // noticed after one time-out.
  const std::chrono::milliseconds longest = core_.options().capacity.reservation_timeout;
  expiry_.after(std::clamp<std::chrono::milliseconds>(left, std::chrono::seconds(1), longest),
                [this] { flush(); });
}

Result<Answer> DeviceAgent::handle(const Pending& pending, WallTime now) {
  if (const auto* hello = std::get_if<Hello>(&pending.request)) {
    auto root = core_.hello(pending.server, hello->sequence, now);
    if (!root) return fail(root.error());
    return Answer(HelloAnswer{*root});
  }
  if (const auto* compare = std::get_if<Compare>(&pending.request)) {
    return Answer(core_.compare(pending.server, *compare));
  }
  if (const auto* batch = std::get_if<Batch>(&pending.request)) {
    auto answer = core_.batch(pending.server, *batch, now, pending.refused);
    if (!answer) return fail(answer.error());
    return Answer(*std::move(answer));
  }
  return Answer(SyncedAnswer{core_.synced(pending.server, now)});
}

bool DeviceAgent::round(std::vector<Pending>& pending) {
  std::vector<Result<Answer>> answers;
  answers.reserve(pending.size());
  const WallTime now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  for (const Pending& p : pending) answers.push_back(handle(p, now));
  // After the messages: who has just shown life keeps what it reserved.
  const std::vector<DeviceChanges::Member> ended = core_.expire(now);

  const DeviceChanges changes = core_.changes();
  if (changes.empty()) {
    core_.commit();
    answer_all(pending, answers);
    return true;
  }
  if (auto written = store_.write(changes); !written) {
    core_.rollback();
    fail_all(pending, written.error());
    return true;
  }
  const std::vector<DriverRefusal> refusals = enforce();
  if (!refusals.empty()) {
    store_.rollback();
    core_.rollback();
    refuse_culprits(pending, refusals);
    return false;
  }
  if (auto committed = store_.commit(); !committed) {
    const DatapathDelta undo = core_.datapath_delta().reversed();
    core_.rollback();
    if (!driver_->apply(undo).empty() && !repair("failed commit")) {
      // Datapath and store differ now, and only a start repairs that.
      log::error("the datapath cannot be taken back after a failed commit, ending");
      daemon_.end(1);
    }
    fail_all(pending, committed.error());
    return true;
  }
  core_.commit();
  for (const auto& [server, key] : ended) {
    log::warning("reservation ended, its server is silent",
                 {{"server", server}, {"vnid", key.vnid.text()}, {"vm", key.vm}});
  }
  answer_all(pending, answers);
  return true;
}

std::vector<DriverRefusal> DeviceAgent::enforce() {
  std::vector<DriverRefusal> refusals = driver_->apply(core_.datapath_delta());
  const bool drifted = std::any_of(refusals.begin(), refusals.end(),
                                   [](const auto& r) { return r.error.code == Code::io; });
  if (drifted && repair("a change met a foreign one")) return {};
  // What is left on the wire of a failed repair is refused for now, and may be asked again.
  for (DriverRefusal& refusal : refusals) {
    if (refusal.error.code == Code::io) refusal.error.code = Code::busy;
  }
  return refusals;
}

void DeviceAgent::refuse_culprits(std::vector<Pending>& pending,
                                  const std::vector<DriverRefusal>& refusals) {
  bool progress = false;
  for (Pending& p : pending) {
    const auto* batch = std::get_if<Batch>(&p.request);
    if (batch == nullptr) continue;
    for (std::size_t i = 0; i < batch->operations.size(); ++i) {
      for (const DriverRefusal& refusal : refusals) {
        if (!touches(batch->operations[i], refusal)) continue;
        progress = p.refused.try_emplace(i, refusal.error).second || progress;
      }
    }
  }
  if (progress) return;
  // The datapath names nobody we know: all of it is refused, rather than tried for ever.
  for (Pending& p : pending) {
    const auto* batch = std::get_if<Batch>(&p.request);
    if (batch == nullptr) continue;
    for (std::size_t i = 0; i < batch->operations.size(); ++i) {
      p.refused.try_emplace(i, refusals.front().error);
    }
  }
}

void DeviceAgent::answer_all(const std::vector<Pending>& pending,
                             const std::vector<Result<Answer>>& answers) {
  for (std::size_t i = 0; i < pending.size(); ++i) {
    log_batch(pending[i], answers[i]);
    if (answers[i]) {
      pending[i].responder->result(protocol::to_element(*answers[i]));
    } else {
      pending[i].responder->error(answers[i].error());
    }
  }
}

// The store failed: nothing has changed, and the same request may succeed later.
void DeviceAgent::fail_all(const std::vector<Pending>& pending, const Error& error) {
  log::error("the store failed, requests are refused as busy", {{"reason", error.text}});
  for (const Pending& p : pending) {
    p.responder->error(Error{Code::busy, "the device cannot write its store: " + error.text});
  }
}

void DeviceAgent::log_batch(const Pending& pending, const Result<Answer>& answer) const {
  const auto* batch = std::get_if<Batch>(&pending.request);
  if (!answer) {
    log::warning("request refused",
                 {{"server", pending.server}, {"reason", describe(answer.error())}});
    return;
  }
  if (batch == nullptr) return;
  const auto& results = std::get<BatchAnswer>(*answer).results;
  const std::string trace = pending.server + ":" + text(batch->sequence);
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
  auto next = load_device_config(config_path_);
  if (!next) {
    log::error("reload refused, the configuration stays as it was",
               {{"reason", next.error().text}});
    return;
  }
  if (auto configured = log::configure(next->log); !configured) {
    log::error("the log stays as it was", {{"reason", configured.error().text}});
  }
  for (const Jid& server : config_.servers) {
    const auto& kept = next->servers;
    if (std::find(kept.begin(), kept.end(), server) == kept.end()) session_.unwatch(server);
  }
  for (const Jid& server : next->servers) session_.watch(server);
  config_.operators = next->operators;
  config_.servers = next->servers;
  config_.log = next->log;
  core_.set_limits(next->baseline, next->capacity);
  await_expiry();
  log::info("reloaded: operators, servers, baseline, capacity, log; the rest needs a restart");
}

}  // namespace tenet::device
