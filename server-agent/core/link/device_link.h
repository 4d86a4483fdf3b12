// The conversation with one device: hello, comparison of digests, batches, end mark. What is wanted
// while a batch is out gathers and goes out in the next; full ones do not wait for each other.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "common/core/message.h"
#include "common/core/wall_time.h"
#include "server-agent/core/desired.h"
#include "server-agent/core/digest_diff.h"
#include "server-agent/core/effects.h"
#include "server-agent/core/in_flight.h"
#include "server-agent/core/key.h"
#include "server-agent/core/plan.h"
#include "server-agent/core/refusals.h"

namespace tenet::server {

// Which policy of a VNID a device enforces, as far as this server knows.
struct Enforcement {
  PolicyStamp stamp;
  WallTime since;  // when the server learned it
};

enum class Phase : std::uint8_t {
  offline,    // not available: nothing is sent, nothing is withdrawn (law 5)
  greeting,   // hello is out
  comparing,  // digests are compared
  live,       // the acknowledged view is exact; differences are sent
  waiting,    // something failed; the conversation starts again after a pause
  fenced,     // the device knows a newer epoch of this server: somebody else uses our identity
};

// Of what delivery() may tell something else than before.
struct News {
  bool all = false;
  std::set<Vnid> networks;  // the policy, and with it every VM
  std::vector<Key> keys;
};

// What the link needs of the core while it handles one event.
struct LinkContext {
  const Desired& desired;
  std::uint64_t epoch;
  std::uint64_t& seq;
  std::uint64_t& token;
  std::size_t max_batch_bytes;
  std::size_t max_batch_operations;
  std::chrono::milliseconds audit_interval;
  WallTime now;
  ServerEffects& effects;
};

class DeviceLink {
 public:
  // `belief`: what the device had when last seen; after a start what is desired, since most of it
  // will be true. The digests correct it before anything is sent.
  DeviceLink(DeviceName name, DeviceView belief);

  void available(LinkContext& context);
  void unavailable();
  void answer(std::uint64_t token, const Result<Answer>& answer, LinkContext& context);
  // A pause or an audit interval is over.
  void retry(std::uint64_t token, LinkContext& context);
  // Forgets refusals and compares digests again.
  void resync(LinkContext& context);
  void changed(const Key& key) { dirty_.insert(key); }
  // The operator asks once more: what was refused of that key, or of its policy, is tried again.
  void try_again(const Key& key);
  // Sends the next batch, if one is due.
  void pump(LinkContext& context);

  News take_news() { return std::exchange(news_, {}); }
  // VMs that the device has, and that were still to be taken over from another server.
  std::vector<Key> take_taken_over() { return std::exchange(taken_over_, {}); }

  Delivery delivery(const Key& key, const Desired& desired, std::optional<Error>* why) const;
  // Whether that key is sure to be pending, and news of it to come.
  bool awaits_news(const Key& key) const { return phase_ != Phase::offline && moving(key); }
  const DeviceName& name() const { return name_; }
  Phase phase() const { return phase_; }
  // Everything that is wanted has been answered, and the roots agreed at the end mark.
  bool synchronized() const { return phase_ == Phase::live && end_marked_ && settled(); }
  // "synchronized", "synchronizing", "offline", "waiting", "fenced".
  std::string_view state() const;
  const std::optional<Error>& error() const { return error_; }
  const DeviceView& acknowledged() const { return acknowledged_; }
  // Nothing if the device does not enforce the network, or it is not known since this server's
  // start.
  std::optional<Enforcement> enforcement(Vnid vnid) const;
  std::size_t refused() const { return refusals_.size(); }
  std::size_t pending() const { return dirty_.size() + under_way_.operations(); }

 private:
  // Whether something of that key is on its way, or its outcome unknown.
  bool moving(const Key& key) const { return dirty_.contains(key) || under_way_.touches(key); }
  bool settled() const { return dirty_.empty() && under_way_.flights().empty() && awaited_ == 0; }
  void send(Request request, LinkContext& context);
  void greet(LinkContext& context);
  void compare(LinkContext& context);
  void go_live(LinkContext& context);
  void wait(const Error& error, LinkContext& context);
  void failed(const Error& error, LinkContext& context);
  void batch_answer(const Result<Answer>& answer, LinkContext& context);
  // False: the device lacks a policy that it had acknowledged, so that what we know is not true.
  bool absorb(const BatchAnswer& answer, LinkContext& context, std::optional<Error>& stuck);
  void look_closer(const Error& error, LinkContext& context);
  void note_takeovers(const Desired& desired);
  void refuse(const Operation& operation, const Error& error, LinkContext& context);
  std::vector<Operation> take_apart(std::vector<Operation> operations) const;
  // What may succeed now is due again.
  void forgive(Refusals::Occasion occasion);
  bool frees(const Operation& operation) const;
  void note_enforcement(Vnid vnid, WallTime now);
  void tell(const Key& key);
  // Keys of which something can leave now, at most so many.
  std::vector<Key> due(std::size_t most) const;
  // False if there is nothing to send, or not yet.
  bool send_batch(LinkContext& context);
  // What is wanted and acknowledged of those keys only.
  std::pair<Wanted, DeviceView> restricted(const std::vector<Key>& keys, const Desired& desired);

  DeviceName name_;
  Phase phase_ = Phase::offline;
  DeviceView acknowledged_;
  std::map<Vnid, Enforcement> enforcements_;
  std::optional<SyncWalk> walk_;
  std::set<Key> dirty_;
  // VMs that cannot come, since the device refuses their policy; due again once it has one.
  std::set<Key> parked_;
  Refusals refusals_;
  // VNIDs whose policy must not travel with an association: one that did was refused, and only
  // apart can the device tell which of the two it refuses.
  std::set<Vnid> apart_;
  UnderWay under_way_;
  std::vector<Key> taken_over_;
  News news_;
  std::uint64_t awaited_ = 0;  // token of the pause, or of the request that is no batch; 0: none
  std::uint64_t audit_ = 0;    // token of the interval after which the roots are compared again
  unsigned failures_ = 0;      // in a row, for the pauses
  bool end_marked_ = false;
  bool verified_ = false;  // the digests were compared once: what is acknowledged is no belief
  std::optional<Error> error_;
};

}  // namespace tenet::server
