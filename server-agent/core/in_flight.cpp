#include "server-agent/core/in_flight.h"

#include <iterator>
#include <utility>

namespace tenet::server {
namespace {

bool unsettling(const Operation& operation) {
  const auto* associate = std::get_if<Associate>(&operation);
  return associate == nullptr || associate->policy;
}

}  // namespace

void UnderWay::note(const Operation& operation, bool begins) {
  const auto count = [&](std::size_t& n, bool counts) {
    if (counts) n = begins ? n + 1 : n - 1;
  };
  const auto key = keys_.try_emplace(key_of(operation)).first;
  const auto vnid = vnids_.try_emplace(key->first.first).first;
  count(vnid->second.operations, true);
  count(vnid->second.unsettling, unsettling(operation));
  count(vnid->second.withdrawals, std::holds_alternative<PolicyWithdraw>(operation));
  count(key->second, true);
  if (vnid->second.operations == 0) vnids_.erase(vnid);
  if (key->second == 0) keys_.erase(key);
}

void UnderWay::depart(std::uint64_t token, std::vector<Operation> operations) {
  for (const Operation& operation : operations) note(operation, true);
  flights_.push_back({token, std::move(operations)});
}

std::vector<Operation> UnderWay::arrive() {
  std::vector<Operation> out = std::move(flights_.front().operations);
  flights_.pop_front();
  for (const Operation& operation : out) note(operation, false);
  return out;
}

void UnderWay::lose() {
  for (Flight& flight : flights_) {
    std::move(flight.operations.begin(), flight.operations.end(), std::back_inserter(lost_));
  }
  flights_.clear();
}

void UnderWay::forget_lost() {
  for (const Operation& operation : lost_) note(operation, false);
  lost_.clear();
}

std::size_t UnderWay::operations() const {
  std::size_t out = 0;
  for (const Flight& flight : flights_) out += flight.operations.size();
  return out;
}

bool UnderWay::touches(const Key& key) const {
  const auto vnid = vnids_.find(key.first);
  if (vnid == vnids_.end()) return false;
  return key.second.empty() || vnid->second.withdrawals > 0 || keys_.contains(key);
}

bool UnderWay::unsettles(Vnid vnid) const {
  const auto found = vnids_.find(vnid);
  return found != vnids_.end() && found->second.unsettling > 0;
}

}  // namespace tenet::server
