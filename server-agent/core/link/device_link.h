// The conversation with one device: hello, comparison of digests, batches, end mark.
//
// Phases, and what holds in each:
//   offline    no request is out. Outcomes of earlier batches are unknown.
//   greeting   one request is out, the hello; `diff_` begins from what the device is assumed to
//   have. comparing  one request is out, a question about digests; `diff_` narrows down what
//   differs. live       `acknowledged_` is what the device has, but for what is in flight. Up to
//   kWindow
//              batches are out, or one end mark if nothing is left to send. After the end mark's
//              answer the device is synchronized until something changes.
//   waiting    no request counts; a pause runs, and a new greeting follows.
//   fenced     nothing is sent until the device becomes available anew.
// available() leads from any phase to greeting; unavailable() to offline; a failure from greeting,
// comparing or live to waiting, or once to greeting if only the comparison has to be repeated.
// `expected_` is the token of the one answer or pause that matters in greeting, comparing and
// waiting, and of the end mark in live; answers with other tokens are of a conversation that is
// over.
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
#include "server-agent/core/link/outbox.h"
#include "server-agent/core/link/phase.h"

namespace tenet::server {

// Which policy of a VNID a device enforces, as far as this server knows.
struct Enforcement {
  PolicyStamp stamp;
  WallTime since;  // when the server learned it
};

// Keys whose status may have changed.
struct StatusChanges {
  bool all = false;
  std::set<Vnid> networks;  // the policy, and with it every VM
  std::vector<MemberKey> keys;
};

// What the link needs of the core while it handles one event.
struct LinkContext {
  const Desired& desired;
  std::uint64_t epoch;
  std::uint64_t& seq;
  std::uint64_t& token;
  BatchLimits limits;
  std::chrono::milliseconds audit_interval;
  WallTime now;
  ServerEffects& effects;
};

class DeviceLink {
 public:
  // `assumed`: what the device had when last seen; after a start what is desired, since most of it
  // will be true. The digests correct it before anything is sent.
  DeviceLink(DeviceName name, DeviceView assumed);

  void available(LinkContext& context);
  void unavailable();
  void answer(std::uint64_t token, const Result<Answer>& answer, LinkContext& context);
  // A pause or an audit interval is over.
  void timer_expired(std::uint64_t token, LinkContext& context);
  // Forgets refusals and compares digests again.
  void resync(LinkContext& context);
  void mark_dirty(const MemberKey& key) { outbox_.mark_dirty(key); }
  // The operator asks once more: what was refused of that key, or of its policy, is tried again.
  void retry(const MemberKey& key) { outbox_.retry(key); }
  // Sends what is due.
  void send_ready(LinkContext& context);

  StatusChanges take_status_changes() { return std::exchange(changes_, {}); }
  // VMs that the device has, and that were still to be taken over from another server.
  std::vector<MemberKey> take_taken_over() { return std::exchange(taken_over_, {}); }

  // `why`, if it is there, takes the reason.
  ApplyStatus status(const MemberKey& key, const Desired& desired, std::optional<Error>* why) const;
  // True if the key is pending and a status change will follow.
  bool awaits_change(const MemberKey& key) const {
    return phase_ != Phase::offline && outbox_.moving(key);
  }
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
  std::size_t refused() const { return outbox_.refusals().size(); }
  std::size_t pending() const { return outbox_.pending(); }

 private:
  bool settled() const { return outbox_.idle() && expected_ == 0; }
  void send(Request request, LinkContext& context);
  bool send_batch(LinkContext& context);
  void greet(LinkContext& context);
  void compare(LinkContext& context);
  void go_live(LinkContext& context);
  void wait(const Error& error, LinkContext& context);
  void request_failed(const Error& error, LinkContext& context);
  void batch_answer(const Result<Answer>& answer, LinkContext& context);
  void end_mark_answer(const SyncedAnswer& answer, LinkContext& context);
  void resync_or_back_off(const Error& error, LinkContext& context);
  void report_refusals(const Outbox::Outcome& outcome, LinkContext& context);
  // The digests just showed what the device has: a takeover whose answer was lost is done.
  void note_takeovers(const Desired& desired);
  void note_enforcement(Vnid vnid, WallTime now);
  void mark_changed(const MemberKey& key);
  void mark_changed(const std::vector<Operation>& operations);

  DeviceName name_;
  Phase phase_ = Phase::offline;
  DeviceView acknowledged_;
  std::map<Vnid, Enforcement> enforcements_;
  std::optional<DigestDiff> diff_;
  Outbox outbox_;
  std::vector<MemberKey> taken_over_;
  StatusChanges changes_;
  std::uint64_t expected_ = 0;  // 0: nothing
  std::uint64_t audit_ = 0;     // token of the interval after which the roots are compared again
  unsigned failures_ = 0;       // in a row, for the pauses
  bool end_marked_ = false;
  bool verified_ = false;  // the digests were compared once: what is acknowledged is no assumption
  std::optional<Error> error_;
};

}  // namespace tenet::server
