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
#include <vector>

#include "server-agent/core/command.h"
#include "server-agent/core/command_waiters.h"
#include "server-agent/core/desired.h"
#include "server-agent/core/effects.h"
#include "server-agent/core/link/device_link.h"

namespace tenet::server {

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
  void command(CommandId id, Command command, Source source = Source::operators);
  void command_deadline(CommandId id);
  void device_available(const DeviceName& device);
  void device_unavailable(const DeviceName& device);
  // `now` is the time of the wall clock.
  void device_answer(const DeviceName& device, std::uint64_t token, const Result<Answer>& answer,
                     WallTime now);
  void device_timer_expired(const DeviceName& device, std::uint64_t token);
  void peer_answer(CommandId id, const Result<NetworkAnswer>& answer);
  // The configuration changed. A device that it no longer names gets no more messages, and keeps
  // what it has.
  void set_devices(const std::vector<DeviceName>& devices);
  ServerEffects take();

  // What another server may know of a network of ours. Errors: unknown-vnid.
  Result<NetworkAnswer> network(const NetworkQuery& query) const;

  const Desired& desired() const { return desired_; }
  const std::map<DeviceName, DeviceLink>& links() const { return links_; }
  std::uint64_t epoch() const { return options_.epoch; }
  // How far the network's policy, or the VM, has got on each of its devices.
  std::vector<Receipt> receipts(const MemberKey& key) const;

 private:
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
  Source source_of_command(CommandId id) const { return waiters_.find(id)->source; }

  // Changes of the desired state. Each marks for the store and for the devices what changed.
  void put_policy(Vnid vnid, const PolicyPtr& policy);
  void put_vm(Vnid vnid, const PlacedVm& vm);
  void erase_vm(Vnid vnid, const VmId& vm);
  void store_network(Vnid vnid);
  void mark_dirty(const std::set<DeviceName>& devices, const MemberKey& key);

  void wait_for(CommandId id, const std::set<DeviceName>& devices, const MemberKey& key);
  // The same, after what was refused is tried once more.
  void retry_and_wait(CommandId id, const std::set<DeviceName>& devices, const MemberKey& key);
  // `why`, if it is there, takes the reason.
  ApplyStatus status(const DeviceName& device, const MemberKey& key,
                     std::optional<Error>* why) const;
  ApplyStatus status(const WaitTarget& target, std::optional<Error>* why) const;
  Receipt synchronization(const DeviceName& device) const;
  void send_ready();
  void end_takeovers(const DeviceName& device);
  void collect_status_changes();
  void complete_ready();
  // Nothing if one is pending, unless pending ones are receipts too.
  std::optional<std::vector<Receipt>> receipts(const PendingCommand& command,
                                               bool also_pending) const;
  // Answers the command if it is open and nothing is pending; at its deadline, in any case.
  void try_complete(CommandId id, bool deadline);
  void answer(CommandId id, CommandResult result);
  LinkContext context();

  ServerOptions options_;
  Desired desired_;
  std::map<DeviceName, DeviceLink> links_;
  std::uint64_t seq_ = 0;
  std::uint64_t token_ = 0;
  CommandWaiters waiters_;
  WallTime now_{};  // when the last answer came
  ServerEffects effects_;
};

}  // namespace tenet::server
