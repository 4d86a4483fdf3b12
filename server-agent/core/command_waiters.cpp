#include "server-agent/core/command_waiters.h"

#include <utility>

namespace tenet::server {

void CommandWaiters::begin(CommandId id, Source source) {
  commands_[id].source = source;
}

const PendingCommand* CommandWaiters::find(CommandId id) const {
  const auto found = commands_.find(id);
  return found == commands_.end() ? nullptr : &found->second;
}

void CommandWaiters::end(CommandId id) {
  const auto found = commands_.find(id);
  if (found == commands_.end()) return;
  for (const WaitTarget& target : found->second.targets) unwatch(target.key, id);
  commands_.erase(found);
  synchronizing_.erase(id);
}

void CommandWaiters::wait_for(CommandId id, WaitTarget target) {
  watched_[target.key.vnid][target.key.vm].insert(id);
  commands_.at(id).targets.push_back(std::move(target));
}

void CommandWaiters::wait_until_synchronized(CommandId id, const DeviceName& device) {
  commands_.at(id).synchronizing.insert(device);
  synchronizing_.insert(id);
}

void CommandWaiters::on_rollback(CommandId id, PendingCommand::Undo undo) {
  commands_.at(id).undo.push_back(std::move(undo));
}

void CommandWaiters::wait_for_source(CommandId id, MigrateIn migration) {
  commands_.at(id).migration = std::move(migration);
}

std::optional<MigrateIn> CommandWaiters::take_migration(CommandId id) {
  const auto found = commands_.find(id);
  if (found == commands_.end()) return std::nullopt;
  return std::exchange(found->second.migration, std::nullopt);
}

void CommandWaiters::mark_dirty(const MemberKey& key) {
  const auto network = watched_.find(key.vnid);
  if (network == watched_.end()) return;
  const auto waiting = network->second.find(key.vm);
  if (waiting != network->second.end()) {
    ready_.insert(waiting->second.begin(), waiting->second.end());
  }
}

void CommandWaiters::mark_network(Vnid vnid) {
  const auto network = watched_.find(vnid);
  if (network == watched_.end()) return;
  for (const auto& [vm, waiting] : network->second) {
    ready_.insert(waiting.begin(), waiting.end());
  }
}

void CommandWaiters::mark_all() {
  for (const auto& [id, command] : commands_) ready_.insert(id);
}

std::vector<CommandId> CommandWaiters::take_ready() {
  ready_.insert(synchronizing_.begin(), synchronizing_.end());
  const std::set<CommandId> ready = std::exchange(ready_, {});
  return {ready.rbegin(), ready.rend()};
}

void CommandWaiters::unwatch(const MemberKey& key, CommandId id) {
  const auto network = watched_.find(key.vnid);
  if (network == watched_.end()) return;
  const auto waiting = network->second.find(key.vm);
  if (waiting == network->second.end()) return;
  waiting->second.erase(id);
  if (waiting->second.empty()) network->second.erase(waiting);
  if (network->second.empty()) watched_.erase(network);
}

}  // namespace tenet::server
