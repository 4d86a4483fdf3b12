// The conversation with one device: hello, comparison of digests, batches, end mark. One request is
// out at a time; what is wanted meanwhile gathers and goes out in one batch.
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
#include "server-agent/desired.h"
#include "server-agent/effects.h"
#include "server-agent/plan.h"
#include "server-agent/sync_walk.h"

namespace tenet::server {

// A VNID's policy (with an empty VM), or a VM.
using Key = std::pair<Vnid, VmId>;
std::string key_text(const Key& key);

enum class Phase : std::uint8_t {
  offline,    // not available: nothing is sent, nothing is withdrawn (law 5)
  greeting,   // hello is out
  comparing,  // digests are compared
  live,       // the acknowledged view is exact; differences are sent
  waiting,    // something failed; the conversation starts again after a pause
  fenced,     // the device knows a newer epoch of this server: somebody else uses our identity
};

// What the link needs of the core while it handles one event.
struct LinkContext {
  const Desired& desired;
  std::uint64_t epoch;
  std::uint64_t& seq;
  std::uint64_t& token;
  std::size_t max_batch_bytes;
  std::chrono::milliseconds audit_interval;
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

  // VMs that the device has, and that were still to be taken over from another server.
  std::vector<Key> take_taken_over() { return std::exchange(taken_over_, {}); }

  Delivery delivery(const Key& key, const Desired& desired, std::optional<Error>* why) const;
  const DeviceName& name() const { return name_; }
  Phase phase() const { return phase_; }
  // Everything that is wanted has been answered, and the roots agreed at the end mark.
  bool synchronized() const { return phase_ == Phase::live && end_marked_ && settled(); }
  // "synchronized", "synchronizing", "offline", "waiting", "fenced".
  std::string_view state() const;
  const std::optional<Error>& error() const { return error_; }
  const DeviceView& acknowledged() const { return acknowledged_; }
  std::size_t refused() const { return refused_.size(); }
  std::size_t pending() const { return dirty_.size() + in_flight_.size(); }

 private:
  struct Refusal {
    PolicyPtr policy;  // what was refused; another wish is tried anew
    VmPtr vm;
    Error error;
  };

  // Whether something of that key is on its way, or its outcome unknown.
  bool moving(const Key& key) const;
  void lose();
  bool settled() const { return dirty_.empty() && in_flight_.empty() && awaited_ == 0; }
  void send(Request request, LinkContext& context);
  void greet(LinkContext& context);
  void compare(LinkContext& context);
  void go_live(LinkContext& context);
  void wait(const Error& error, LinkContext& context);
  void failed(const Error& error, LinkContext& context);
  // False: the device lacks a policy that it had acknowledged, so that what we know is not true.
  bool absorb(const BatchAnswer& answer, std::optional<Error>& stuck);
  void look_closer(const Error& error, LinkContext& context);
  void note_takeovers(const Desired& desired);
  void refuse(const Operation& operation, const Error& error);
  std::vector<Operation> take_apart(std::vector<Operation> operations) const;
  void forgive();
  bool frees(const Operation& operation) const;
  // Drops refusals of wishes that are no longer there.
  void forget_refusals(const std::vector<Key>& keys, const Desired& desired);
  bool is_refused(const Key& key, const PolicyPtr& policy, const VmPtr& vm) const;
  // What is wanted and acknowledged of those keys only.
  std::pair<Wanted, DeviceView> restricted(const std::vector<Key>& keys, const Desired& desired);

  DeviceName name_;
  Phase phase_ = Phase::offline;
  DeviceView acknowledged_;
  std::optional<SyncWalk> walk_;
  std::set<Key> dirty_;
  // VMs that cannot come, since the device refuses their policy; due again once it has one.
  std::set<Key> parked_;
  std::map<Key, Refusal> refused_;
  // VNIDs whose policy must not travel with an association: one that did was refused, and only
  // apart can the device tell which of the two it refuses.
  std::set<Vnid> apart_;
  std::vector<Operation> in_flight_;
  std::vector<Operation> lost_;  // were in flight when the conversation broke
  std::vector<Key> taken_over_;
  std::uint64_t awaited_ = 0;  // token of the request or pause; 0: none
  std::uint64_t audit_ = 0;    // token of the interval after which the roots are compared again
  unsigned failures_ = 0;      // in a row, for the pauses
  bool end_marked_ = false;
  bool verified_ = false;  // the digests were compared once: what is acknowledged is no belief
  std::optional<Error> error_;
};

}  // namespace tenet::server
