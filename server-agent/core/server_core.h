// The server agent's decisions, as a value: commands and answers in, effects out. No socket, clock,
// file, thread, log or random number inside.
//
// The shell feeds it every event at hand, then takes the effects: what is wanted becomes durable
// before anything shows that rests on it (write_ahead.h).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "server-agent/core/desired.h"
#include "server-agent/core/effects.h"
#include "server-agent/core/link/device_link.h"

namespace tenet::server {

// What operators ask for. `devices` empty: those of the network, or of the configuration.
struct CreateNetwork {
  PolicyPtr policy;
  std::set<DeviceName> devices = {};
};
struct ChangePolicy {
  PolicyPtr policy;
};
struct DeleteNetwork {
  Vnid vnid;
};
struct CreateVm {
  Vnid vnid;
  Vm vm;
  std::set<DeviceName> devices = {};
};
struct ActivateVm {
  Vnid vnid;
  VmId vm;
  PolicyPtr policy = nullptr;  // replaces the network's, with the association
};
// Also the first half of a migration: migrate-out.
struct RemoveVm {
  Vnid vnid;
  VmId vm;
};
// The second half of a migration (the seed, steps 702 to 707).
struct MigrateIn {
  Vnid vnid;
  VmId vm;
  std::optional<Mac> mac = {};  // absent: asked of the source
  std::vector<IpAddress> addresses = {};
  std::string port = {};
  std::set<DeviceName> devices = {};
  VmState state = VmState::associated;
  bool reserve = false;
  std::optional<Jid> from = {};  // the server that the VM leaves
  PolicyPtr policy = nullptr;    // absent, and no such network here: asked of the source
};
struct Resync {
  std::set<DeviceName> devices = {};
};
using Command = std::variant<CreateNetwork, ChangePolicy, DeleteNetwork, CreateVm, ActivateVm,
                             RemoveVm, MigrateIn, Resync>;

struct ServerOptions {
  std::uint64_t epoch = 0;                 // raised and made durable before the core starts
  std::vector<DeviceName> devices = {};    // configured device agents
  std::size_t max_batch_bytes = 49'152;    // of operations in one stanza
  std::size_t max_batch_operations = 512;  // in one stanza; a batch with as many is full
  std::size_t max_policy_bytes = 131'072;  // of one policy on the wire
  std::chrono::milliseconds command_timeout{15'000};
  // How often the roots of a quiet device are compared; finds what another server changed.
  std::chrono::milliseconds audit_interval{300'000};
};

class ServerCore {
 public:
  ServerCore(ServerOptions options, Desired desired);

  // Each event changes state and gathers effects; take() hands them out.
  void command(CommandId id, Command command);
  void command_deadline(CommandId id);
  void device_available(const DeviceName& device);
  void device_unavailable(const DeviceName& device);
  // `now` is the time of the wall clock.
  void device_answer(const DeviceName& device, std::uint64_t token, const Result<Answer>& answer,
                     WallTime now);
  void device_retry(const DeviceName& device, std::uint64_t token);
  void peer_answer(CommandId id, const Result<NetworkAnswer>& answer);
  // The configuration changed. A device that is gone is told nothing any more, and keeps all.
  void set_devices(const std::vector<DeviceName>& devices);
  ServerEffects take();

  // What another server may know of a network of ours. Errors: unknown-vnid.
  Result<NetworkAnswer> network(const NetworkQuery& query) const;

  const Desired& desired() const { return desired_; }
  const std::map<DeviceName, DeviceLink>& links() const { return links_; }
  std::uint64_t epoch() const { return options_.epoch; }
  // How far the network's policy, or the VM, has got on each of its devices.
  std::vector<Receipt> receipts(Vnid vnid, const VmId& vm) const;

 private:
  // What a command waits for: that the device has the wish as it was then.
  struct Awaited {
    DeviceName device;
    Key key;
    VmPtr vm;
    PolicyPtr policy;
  };
  // Takes a wish back unless another came after it. Whether it did.
  using Undo = std::function<bool(ServerCore&)>;
  struct Wait {
    std::vector<Awaited> keys;
    std::set<DeviceName> synchronizing;  // wait until these are synchronized, or cannot be
    std::vector<Undo> undo;              // to be called from the last to the first
  };

  Result<void> run(CommandId id, const CreateNetwork& command);
  Result<void> run(CommandId id, const ChangePolicy& command);
  Result<void> run(CommandId id, const DeleteNetwork& command);
  Result<void> run(CommandId id, const CreateVm& command);
  Result<void> run(CommandId id, const ActivateVm& command);
  Result<void> run(CommandId id, const RemoveVm& command);
  Result<void> run(CommandId id, const MigrateIn& command);
  Result<void> run(CommandId id, const Resync& command);

  Result<std::set<DeviceName>> known_devices(const std::set<DeviceName>& named) const;
  Result<void> check_size(const Policy& policy) const;
  // Errors: stale-revision, policy-conflict. False: the same document is there already.
  Result<bool> check_order(const Policy& now, const Policy& next) const;
  Result<void> check_mac(Vnid vnid, const Vm& vm, const std::set<DeviceName>& devices) const;
  Result<void> place_vm(CommandId id, Vnid vnid, const PlacedVm& vm, bool may_exist);
  Result<void> create_network(CommandId id, const PolicyPtr& policy,
                              const std::set<DeviceName>& devices, bool announce);

  void change_policy(CommandId id, const PolicyPtr& policy);

  // Changes of the desired state, with what the store and the devices have to know.
  void put_policy(Vnid vnid, const PolicyPtr& policy);
  void put_vm(Vnid vnid, const PlacedVm& vm);
  void erase_vm(Vnid vnid, const VmId& vm);
  void store_network(Vnid vnid);
  void touch(const std::set<DeviceName>& devices, const Key& key);

  void await(CommandId id, const std::set<DeviceName>& devices, const Key& key);
  // Waits too, after what was refused is tried once more.
  void again(CommandId id, const std::set<DeviceName>& devices, const Key& key);
  void on_undo(CommandId id, Undo undo);
  // `why`, if it is there, takes the reason.
  Delivery delivery(const DeviceName& device, const Key& key, std::optional<Error>* why) const;
  Delivery delivery(const Awaited& awaited, std::optional<Error>* why) const;
  Receipt synchronization(const DeviceName& device) const;
  void pump();
  void end_takeovers(const DeviceName& device);
  // Looks again at commands that wait for that policy or VM, or for anything in that network.
  void note(const Key& key);
  void note_network(Vnid vnid);
  void unwatch(const Key& key, CommandId id);
  void gather_news();
  // Answers the commands of `due_` that have nothing to wait for any more.
  void settle();
  // Nothing if one is pending, unless that is all the same.
  std::optional<std::vector<Receipt>> receipts(const Wait& wait, bool also_pending) const;
  // Answers the command if it is open and nothing is pending; at its deadline, in any case.
  void try_settle(CommandId id, bool deadline);
  void answer(CommandId id, CommandResult result);
  LinkContext context();

  ServerOptions options_;
  Desired desired_;
  std::map<DeviceName, DeviceLink> links_;
  std::uint64_t seq_ = 0;
  std::uint64_t token_ = 0;
  std::unordered_map<CommandId, Wait> waits_;
  // What the waits wait for, by VM; by no VM, the policy.
  std::map<Vnid, std::unordered_map<VmId, std::set<CommandId>>> watched_;
  std::set<CommandId> synchronizing_;          // waits for devices
  std::set<CommandId> due_;                    // may have an answer by now
  std::map<CommandId, MigrateIn> migrations_;  // waiting for their source's answer
  WallTime now_{};                             // when the last answer came
  ServerEffects effects_;
};

}  // namespace tenet::server
