// The device agent's decisions, as a value: messages in, answers and changes out. No socket, clock,
// file, thread, log or random number inside.
//
// The shell feeds it every message at hand, makes the collected changes durable and enforced, then
// calls commit() and lets the answers leave (law 1). If the store or the datapath refuses, it calls
// rollback() and nothing has happened (law 2).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/core/message.h"
#include "common/core/peer_id.h"
#include "common/core/view.h"
#include "common/core/wall_time.h"
#include "device-agent/core/baseline.h"
#include "device-agent/core/capacity.h"
#include "device-agent/datapath/driver.h"

namespace tenet::device {

// The account of a server agent.
using ServerName = PeerId;

struct Contact {
  Sequence last;  // of the last message applied
  // When the server showed life. May lag by half of the time-out of reservations.
  WallTime last_seen{};
};

// What must become durable; also the form in which the store gives everything back.
struct DeviceChanges {
  struct Claim {
    ServerName server;
    Vnid vnid;
    auto operator<=>(const Claim&) const = default;
  };
  struct Member {
    ServerName server;
    MemberKey key;
    auto operator<=>(const Member&) const = default;
  };
  std::map<ServerName, Contact> servers;
  std::map<Vnid, PolicyPtr> policies;  // nullptr: removed
  std::map<Claim, bool> claims;        // false: removed
  std::map<Member, VmPtr> members;     // nullptr: removed
  bool empty() const {
    return servers.empty() && policies.empty() && claims.empty() && members.empty();
  }
};

struct DeviceOptions {
  Baseline baseline;
  Capacity capacity;
  Capabilities capabilities;
};

// Operations that the datapath refused on the first try, by their place in the batch.
using DatapathRefusals = std::map<std::size_t, Error>;

class DeviceCore {
 public:
  struct Network {
    PolicyPtr policy;
    std::vector<Intent> intents;
    std::set<ServerName> claims;  // law 7: never empty
    VmCountByPort vms_by_port;
  };
  struct Server {
    Contact contact;
    DeviceView view;
    std::size_t reservations = 0;  // VMs of the view with reservation
  };

  explicit DeviceCore(DeviceOptions options) : options_(std::move(options)) {}
  // Takes what the store held. Precondition: nothing happened yet.
  void load(const DeviceChanges& everything);

  // `now` is the time of the wall clock. Every message that is not stale is a sign of life.

  // A server opens or re-opens its conversation: later messages below this sequence are stale.
  // Answers with the root digest of what the server owns here. Errors: stale-epoch.
  Result<Sha256> hello(const ServerName& server, const Sequence& sequence, WallTime now);
  // Errors: stale-epoch; then nothing of the batch counts. Otherwise one result per operation.
  Result<BatchAnswer> batch(const ServerName& server, const Batch& batch, WallTime now,
                            const DatapathRefusals& refused = {});
  // A server compares roots; the answer is its root here.
  Sha256 synced(const ServerName& server, WallTime now);

  // Ends the reservations of servers that were silent for too long, and tells which.
  std::vector<DeviceChanges::Member> expire(WallTime now);
  // When expire() will end something, if no server shows life until then.
  std::optional<WallTime> next_expiry() const;
  // How long at least the reservations of that server hold. Precondition: it is known.
  WallTime reserved_until(const ServerName& server) const;

  // Nodes of the digest trees over what the server owns. Reads only.
  CompareAnswer compare(const ServerName& server, const Compare& query) const;

  // What changed since the last commit.
  DeviceChanges changes() const;
  DatapathDelta datapath_delta() const;
  void commit();
  void rollback();

  // Everything that is to be in force.
  DatapathState datapath_state() const;
  // The VM with that MAC, if it is in force.
  VmPtr enabled(const Mac& mac) const;

  const std::map<Vnid, Network>& networks() const { return networks_; }
  const std::map<ServerName, Server>& servers() const { return servers_; }
  // What that server owns; empty if it was never heard of.
  const DeviceView& view(const ServerName& server) const;
  std::vector<Usage::Row> usage() const { return usage_.rows(options_.capacity); }
  const DeviceOptions& options() const { return options_; }
  // Takes effect for what comes; what is in force stays.
  void set_limits(Baseline baseline, Capacity capacity);
  // What of the networks the datapath cannot enforce at present, and why; all others are. It is no
  // change that can be rolled back.
  void set_unenforced(std::map<Vnid, Error> networks);
  // By network; others are enforced.
  const std::map<Vnid, Error>& unenforced() const { return unenforced_; }
  // What servers are told to be in force. Of a network that is unenforced it equals no policy's, so
  // that they notice, and ask for the policy again. Precondition: the device has the network.
  PolicyStamp stamp(Vnid vnid) const;

 private:
  // Takes the core as an argument, so that a core stays copyable with changes pending.
  using Undo = std::function<void(DeviceCore&)>;

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

  // The server among the claims of `vnid` that has the VM associated, or nullptr.
  const ServerName* owner(Vnid vnid, const VmId& vm) const;
  VmPtr enabled(const MemberKey& key) const;
  VmPtr find_vm(const ServerName& server, Vnid vnid, const VmId& vm) const;
  std::string describe_owner(const MemberKey& key) const;

  // The four primitives. Each changes state and indexes, and remembers how to undo it.
  void set_contact(const ServerName& server, const Contact& contact);
  void set_policy(Vnid vnid, const PolicyPtr& policy);
  void set_claim(const ServerName& server, Vnid vnid, bool present);
  void set_vm(const ServerName& server, Vnid vnid, const VmId& id, const VmPtr& vm);
  void undo_to(std::size_t mark);

  // The primitives without memory.
  void put_policy(Vnid vnid, const PolicyPtr& policy);
  void put_claim(const ServerName& server, Vnid vnid, bool present);
  void put_vm(const ServerName& server, Vnid vnid, const VmId& id, const VmPtr& vm);
  void count_vm(Network& network, Vnid vnid, const VmPtr& shared, bool present);
  void restamp(Vnid vnid);

  struct MacUse {
    Vnid vnid;
    std::uint32_t count = 0;  // servers that have the VM
    VmPtr vm;                 // as one of them has, or had it
    MemberKey key() const { return {vnid, vm->id}; }
    bool is_of(const MemberKey& other) const { return vnid == other.vnid && vm->id == other.vm; }
  };
  struct MacHash {
    std::size_t operator()(const Mac& mac) const {
      return std::hash<std::string_view>{}(
          {reinterpret_cast<const char*>(mac.bytes().data()), mac.bytes().size()});
    }
  };

  DeviceOptions options_;
  std::map<ServerName, Server> servers_;
  std::map<Vnid, Network> networks_;
  std::unordered_map<Mac, MacUse, MacHash> macs_;
  std::map<std::uint32_t, Vnid> segments_;  // VNI -> VNID
  std::map<Vnid, Error> unenforced_;
  Usage usage_;

  std::vector<Undo> journal_;
  DeviceChanges touched_;  // keys only count; values are read when asked for
  std::map<Vnid, std::optional<std::vector<Intent>>> intents_before_;
  std::map<MemberKey, VmPtr> enabled_before_;
};

}  // namespace tenet::device
