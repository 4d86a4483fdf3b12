#include "server-agent/core/in_flight.h"

#include <iterator>
#include <utility>

#include "common/core/overloaded.h"

namespace tenet::server {
namespace {

bool may_move_policy(const Operation& operation) {
  return std::visit(Overloaded{
                        [](const PolicySync&) { return true; },
                        [](const PolicyUpdate&) { return true; },
                        [](const PolicyWithdraw&) { return true; },
                        [](const Associate& o) { return o.policy != nullptr; },
                        [](const Dissociate&) { return true; },
                    },
                    operation);
}

}  // namespace

void InFlight::count(const Operation& operation, bool added) {
  const auto adjust = [&](std::size_t& n, bool counts) {
    if (counts) n = added ? n + 1 : n - 1;
  };
  const auto key = keys_.try_emplace(key_of(operation)).first;
  const auto vnid = vnids_.try_emplace(key->first.vnid).first;
  adjust(vnid->second.operations, true);
  adjust(vnid->second.blocking, may_move_policy(operation));
  adjust(vnid->second.withdrawals, std::holds_alternative<PolicyWithdraw>(operation));
  adjust(key->second, true);
  if (vnid->second.operations == 0) vnids_.erase(vnid);
  if (key->second == 0) keys_.erase(key);
}

void InFlight::add(std::uint64_t token, std::vector<Operation> operations) {
  for (const Operation& operation : operations) count(operation, true);
  batches_.push_back({token, std::move(operations)});
}

std::vector<Operation> InFlight::pop() {
  std::vector<Operation> out = std::move(batches_.front().operations);
  batches_.pop_front();
  for (const Operation& operation : out) count(operation, false);
  return out;
}

void InFlight::mark_unknown() {
  for (SentBatch& batch : batches_) {
    std::move(batch.operations.begin(), batch.operations.end(), std::back_inserter(unknown_));
  }
  batches_.clear();
}

void InFlight::clear_unknown() {
  for (const Operation& operation : unknown_) count(operation, false);
  unknown_.clear();
}

std::size_t InFlight::operations() const {
  std::size_t out = 0;
  for (const SentBatch& batch : batches_) out += batch.operations.size();
  return out;
}

bool InFlight::touches(const MemberKey& key) const {
  const auto vnid = vnids_.find(key.vnid);
  if (vnid == vnids_.end()) return false;
  return key.vm.empty() || vnid->second.withdrawals > 0 || keys_.contains(key);
}

bool InFlight::blocks_planning(Vnid vnid) const {
  const auto found = vnids_.find(vnid);
  return found != vnids_.end() && found->second.blocking > 0;
}

}  // namespace tenet::server
