// The device agent's decisions, as a value: messages in, answers and changes out. No socket, clock,
// file, thread, log or random number inside.
//
// The shell passes it every message that is waiting, makes the collected changes durable and
// enforced, then calls commit() and sends the answers (law 1). If the store or the datapath
// refuses, it calls rollback() and nothing has happened (law 2).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/core/message.h"
#include "common/core/wall_time.h"
#include "device-agent/core/baseline.h"
#include "device-agent/core/capacity.h"
#include "device-agent/core/device_state.h"
#include "device-agent/datapath/driver.h"

namespace tenet::device {

struct DeviceOptions {
  Baseline baseline;
  Capacity capacity;
  Capabilities capabilities;
};

// Operations that the datapath refused on the first try, by their place in the batch.
using DatapathRefusals = std::map<std::size_t, Error>;

class DeviceCore {
 public:
  using Network = DeviceState::Network;
  using Server = DeviceState::Server;

  explicit DeviceCore(DeviceOptions options) : options_(std::move(options)) {}
  // Takes what the store held. Precondition: nothing happened yet.
  void load(const DeviceChanges& everything) { state_.load(everything); }

  // `now` is the time of the wall clock. Every message that is not stale is a sign of life.

  // A server opens or re-opens its conversation: later messages below this sequence are stale.
  // Answers with the root digest of what the server owns here. Errors: stale-epoch.
  Result<Sha256> hello(const ServerName& server, const Sequence& sequence, WallTime now);
  // Errors: stale-epoch; then nothing of the batch counts. Otherwise one result per operation.
  Result<BatchAnswer> batch(const ServerName& server, const Batch& batch, WallTime now,
                            const DatapathRefusals& refused = {});
  // A server compares roots; the answer is its root here.
  Sha256 synced(const ServerName& server, WallTime now);

  // Ends the reservations of servers that were silent for too long, and returns them.
  std::vector<DeviceChanges::Member> expire(WallTime now);
  // When expire() will end something, if no server shows life until then.
  std::optional<WallTime> next_expiry() const;
  // How long at least the reservations of that server hold. Precondition: it is known.
  WallTime reserved_until(const ServerName& server) const;

  // Nodes of the digest trees over what the server owns. Reads only.
  CompareAnswer compare(const ServerName& server, const Compare& query) const;

  // What changed since the last commit.
  DeviceChanges changes() const { return state_.changes(); }
  DatapathDelta datapath_delta() const { return state_.datapath_delta(); }
  void commit() { state_.commit(); }
  void rollback() { state_.rollback(); }

  // Everything that is to be in force.
  DatapathState datapath_state() const { return state_.datapath_state(); }
  // The VM with that MAC, if it is in force.
  VmPtr enabled(const Mac& mac) const { return state_.enabled(mac); }
  const std::map<Vnid, Network>& networks() const { return state_.networks(); }
  const std::map<ServerName, Server>& servers() const { return state_.servers(); }
  // What that server owns; empty if it never sent a message.
  const DeviceView& view(const ServerName& server) const { return state_.view(server); }
  std::vector<Usage::Row> usage() const { return state_.usage().rows(options_.capacity); }
  const DeviceOptions& options() const { return options_; }
  // Takes effect for what comes; what is in force stays.
  void set_limits(Baseline baseline, Capacity capacity);
  // Of the networks, by VNID, why the datapath cannot enforce them at present; all others are. No
  // change that can be rolled back.
  void set_unenforced(std::map<Vnid, Error> networks) {
    state_.set_unenforced(std::move(networks));
  }
  const std::map<Vnid, Error>& unenforced() const { return state_.unenforced(); }
  // What is reported to servers as in force (DeviceState::stamp).
  PolicyStamp stamp(Vnid vnid) const { return state_.stamp(vnid); }

 private:
  std::optional<Error> sequence_error(const ServerName& server, const Sequence& sequence) const;
  OperationResult apply(const ServerName& server, const Operation& operation);
  std::set<std::string> ports_of(const Operation& operation) const;
  OperationResult sync(const ServerName& server, const PolicyPtr& policy);
  OperationResult update(const ServerName& server, const PolicyPtr& policy);
  // Whether the policy may take the place of the one in force, in the order of revisions.
  OperationResult order_error(const Network& network, const Policy& policy) const;
  OperationResult withdraw(const ServerName& server, Vnid vnid);
  OperationResult associate(const ServerName& server, const Associate& operation);
  OperationResult dissociate(const ServerName& server, const Dissociate& operation);
  OperationResult verify(const Policy& policy) const;
  OperationResult place_vm(const ServerName& server, const Associate& operation);
  void end_emptied_claims(const ServerName& server, const Batch& batch, const BatchAnswer& answer);
  void end_claim(const ServerName& server, Vnid vnid);

  std::string describe_owner(const MemberKey& key) const;

  DeviceOptions options_;
  DeviceState state_;
};

}  // namespace tenet::device
