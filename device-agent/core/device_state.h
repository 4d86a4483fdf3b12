// What a device agent has in force, with every change journalled: it can be taken back to any mark,
// made final, or read as what the store and the datapath have to do. Knows nothing of what servers
// may ask for.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/core/operation.h"
#include "common/core/peer_id.h"
#include "common/core/view.h"
#include "common/core/wall_time.h"
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

class DeviceState {
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

  // Takes what the store held. Precondition: nothing happened yet.
  void load(const DeviceChanges& everything);

  // ---- reading

  const std::map<Vnid, Network>& networks() const { return networks_; }
  const std::map<ServerName, Server>& servers() const { return servers_; }
  const Usage& usage() const { return usage_; }
  // What that server owns; empty if it never sent a message.
  const DeviceView& view(const ServerName& server) const;
  VmPtr find_vm(const ServerName& server, Vnid vnid, const VmId& vm) const;
  // The server among the claims of `vnid` that has the VM associated, or nullptr.
  const ServerName* owner(Vnid vnid, const VmId& vm) const;
  // The VM if it is in force: associated by some server.
  VmPtr enabled(const MemberKey& key) const;
  VmPtr enabled(const Mac& mac) const;
  // The VM with that MAC, in force or not.
  std::optional<MemberKey> member_with(const Mac& mac) const;
  // The VNID that uses that VNI, or nothing.
  std::optional<Vnid> segment_user(std::uint32_t vni) const;
  // Everything that is to be in force.
  DatapathState datapath_state() const;

  // Of the networks, by VNID, why the datapath cannot enforce them at present; all others are.
  const std::map<Vnid, Error>& unenforced() const { return unenforced_; }
  // No change that can be rolled back.
  void set_unenforced(std::map<Vnid, Error> networks);
  // What is reported to servers as in force. That of an unenforced network equals no policy's, so
  // that they notice, and ask for the policy again. Precondition: there is such a network.
  PolicyStamp stamp(Vnid vnid) const;

  // ---- changing: each is journalled

  void set_contact(const ServerName& server, const Contact& contact);
  void set_policy(Vnid vnid, const PolicyPtr& policy);  // nullptr: removes the network
  void set_claim(const ServerName& server, Vnid vnid, bool present);
  void set_vm(const ServerName& server, Vnid vnid, const VmId& id, const VmPtr& vm);

  std::size_t mark() const { return journal_.size(); }
  void undo_to(std::size_t mark);
  // What changed since the last commit.
  DeviceChanges changes() const;
  DatapathDelta datapath_delta() const;
  void commit();
  void rollback();

 private:
  // Takes the state as an argument, so that a state stays copyable with changes pending.
  using Undo = std::function<void(DeviceState&)>;

  // The same changes without a journal.
  void put_policy(Vnid vnid, const PolicyPtr& policy);
  void put_claim(const ServerName& server, Vnid vnid, bool present);
  void put_vm(const ServerName& server, Vnid vnid, const VmId& id, const VmPtr& vm);
  void count_vm(Network& network, Vnid vnid, const VmPtr& shared, bool present);
  void restamp(Vnid vnid);

  struct MacUse {
    Vnid vnid;
    std::uint32_t count = 0;  // servers that have the VM
    VmPtr vm;                 // as one of them has, or had it
  };
  struct MacHash {
    std::size_t operator()(const Mac& mac) const {
      return std::hash<std::string_view>{}(
          {reinterpret_cast<const char*>(mac.bytes().data()), mac.bytes().size()});
    }
  };

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
