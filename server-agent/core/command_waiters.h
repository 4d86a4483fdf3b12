// Operators' commands that wait for devices, or for the source of a migration.
//
// A command is, in this order:
//   open      from begin() to end(). It has targets: objects that devices are to have as they were
//             wanted when the command ran, and devices that are to be synchronized. One with a
//             migration waits for the migration's source first, and has no targets yet.
//   ready     open, and something that it waits for may have changed: mark_dirty(), mark_network()
//             and mark_all() make those ready that wait for it, wake() makes one ready.
// take_ready() hands out the ready ones and makes them plain open again. The caller looks at
// each: if a target is still pending it stays open, else it is answered and end() removes it. Its
// deadline does the same, whatever is pending. Commands that wait until devices are synchronized
// are always ready, since no key says when that is so.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "common/core/member_key.h"
#include "server-agent/core/command.h"
#include "server-agent/core/source.h"

namespace tenet::server {

class ServerCore;

using CommandId = std::uint64_t;

// An object on a device, as it was wanted when the command ran: a later command supersedes it.
struct WaitTarget {
  DeviceName device;
  MemberKey key;
  VmPtr vm;
  PolicyPtr policy;
};

struct PendingCommand {
  // Takes back what the command wanted, unless another command came after it. Whether it did.
  using Undo = std::function<bool(ServerCore&)>;

  Source source = Source::operators;
  std::vector<WaitTarget> targets = {};
  std::set<DeviceName> synchronizing = {};
  std::vector<Undo> undo = {};              // to be called from the last to the first
  std::optional<MigrateIn> migration = {};  // waits for its source's answer
};

class CommandWaiters {
 public:
  void begin(CommandId id, Source source);
  // nullptr: it is not open.
  const PendingCommand* find(CommandId id) const;
  // Removes it, if it is open.
  void end(CommandId id);

  // Preconditions of all: the command is open.
  void wait_for(CommandId id, WaitTarget target);
  void wait_until_synchronized(CommandId id, const DeviceName& device);
  void on_rollback(CommandId id, PendingCommand::Undo undo);
  void wait_for_source(CommandId id, MigrateIn migration);
  // The migration whose source has answered, or is given up; nothing if none waits.
  std::optional<MigrateIn> take_migration(CommandId id);

  void mark_dirty(const MemberKey& key);
  void mark_network(Vnid vnid);  // its policy, and with it every VM
  void mark_all();
  void wake(CommandId id) { ready_.insert(id); }

  bool any_ready() const { return !ready_.empty(); }
  // The latest first: what came after a command has to be rolled back before it can be.
  std::vector<CommandId> take_ready();

 private:
  void unwatch(const MemberKey& key, CommandId id);

  std::unordered_map<CommandId, PendingCommand> commands_;
  // Who waits for what, by VM; by no VM, the policy.
  std::map<Vnid, std::unordered_map<VmId, std::set<CommandId>>> watched_;
  std::set<CommandId> synchronizing_;
  std::set<CommandId> ready_;
};

}  // namespace tenet::server
