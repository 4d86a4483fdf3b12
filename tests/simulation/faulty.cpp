#include "tests/simulation/faulty.h"

#include <iterator>

namespace tenet::simulation {

using device::DatapathDelta;
using device::DatapathState;
using device::DriverRefusal;

void Fuse::burn() {
  if (!left_) return;
  if (*left_ == 0) {
    left_.reset();
    throw Crash{};
  }
  --*left_;
}

Result<void> Disk::use() {
  if (!full && failures == 0) return {};
  if (!full && healthy > 0) {
    --healthy;
    return {};
  }
  ++failed;
  if (full) return fail(Code::io, "no space left on the device");
  --failures;
  return fail(Code::io, "input/output error");
}

// ---- stores ----------------------------------------------------------------------------------

Result<void> SimStore::write(const device::DeviceChanges& changes) {
  fuse_.burn();
  if (auto used = disk.use(); !used) return used;
  written_ = changes;
  return {};
}

Result<void> SimStore::commit() {
  fuse_.burn();
  auto written = std::exchange(written_, std::nullopt);
  if (auto used = disk.use(); !used) return used;
  testing::store(durable_, *written);
  fuse_.burn();
  return {};
}

Result<void> SimDesiredStore::write(const server::ServerChanges& changes) {
  fuse_.burn();
  if (auto used = disk.use(); !used) return used;
  for (const auto& [vnid, row] : changes.networks) {
    if (row) {
      durable.networks[vnid] = *row;
    } else {
      durable.networks.erase(vnid);
    }
  }
  for (const auto& [key, placed] : changes.vms) {
    if (placed) {
      durable.vms[key] = *placed;
    } else {
      durable.vms.erase(key);
    }
  }
  fuse_.burn();
  return {};
}

std::string dump(const Wishes& wishes) {
  std::string out;
  for (const auto& [vnid, row] : wishes.networks) {
    out += vnid.text() + " r" + std::to_string(row.policy->revision()) + " " +
           row.policy->stamp().content.text().substr(0, 8);
    for (const auto& device : row.devices) out += " " + device.text();
    for (const auto& device : row.announced) out += " announced " + device.text();
    out += "\n";
  }
  for (const auto& [key, placed] : wishes.vms) {
    out += text(key) + " " + placed.vm->mac.text() + " " +
           std::string(state_name(placed.vm->state)) + " " + placed.vm->port.str();
    for (const auto& device : placed.devices) out += " " + device.text();
    const server::DeviceSet takeover =
        placed.takeover ? placed.takeover->devices : server::DeviceSet();
    for (const auto& device : takeover) out += " takeover " + device.text();
    out += "\n";
  }
  return out;
}

// ---- the kernel ------------------------------------------------------------------------------

bool SimDriver::starts_from_here(const DatapathDelta& delta) const {
  for (const auto& [vnid, change] : delta.networks) {
    const auto now = state_.networks.find(vnid);
    if ((now != state_.networks.end()) != change.before.has_value()) return false;
    if (change.before && now->second != *change.before) return false;
  }
  for (const auto& [key, change] : delta.members) {
    const auto now = state_.members.find(key);
    if ((now != state_.members.end()) != (change.before != nullptr)) return false;
    if (change.before && *now->second != *change.before) return false;
  }
  return true;
}

std::vector<DriverRefusal> SimDriver::refusals(const DatapathDelta& delta) {
  std::vector<DriverRefusal> out;
  const Error lacks{Code::unsupported, "what it needs of the device has gone"};
  for (const auto& [vnid, change] : delta.networks) {
    if (change.after && lacking.contains(vnid)) out.push_back({vnid, lacks});
  }
  for (const auto& [key, change] : delta.members) {
    if (change.after && lacking.contains(key.vnid)) out.push_back({key, lacks});
  }
  if (!refusal_) return out;
  testing::Random random(*refusal_);
  refusal_.reset();
  const Error no{Code::unsupported, "the kernel says no"};
  const std::size_t culprit = random.below(delta.networks.size() + delta.members.size());
  if (culprit < delta.networks.size()) {
    const auto at = std::next(delta.networks.begin(), static_cast<std::ptrdiff_t>(culprit));
    if (at->second.after) out.push_back({at->first, no});
  } else {
    const auto at = std::next(delta.members.begin(),
                              static_cast<std::ptrdiff_t>(culprit - delta.networks.size()));
    if (at->second.after) out.push_back({at->first, no});
  }
  return out;
}

std::vector<DriverRefusal> SimDriver::apply(const DatapathDelta& delta) {
  if (delta.empty()) return {};
  fuse_.burn();
  if (!starts_from_here(delta)) {
    return device::refuse_all(delta, {Code::io, "the kernel is not as it was left"});
  }
  if (auto refused = refusals(delta); !refused.empty()) return refused;
  merge(state_, delta);
  fuse_.burn();
  return {};
}

Result<device::Restored> SimDriver::restore(const DatapathState& wanted) {
  fuse_.burn();
  device::Restored out;
  if (state_ != wanted) out.repaired.emplace_back("something");
  state_ = wanted;
  drifted_ = false;
  for (const Vnid vnid : lacking) {
    if (!wanted.networks.contains(vnid)) continue;
    out.missing.push_back({vnid, {Code::unsupported, "what it needs of the device has gone"}});
  }
  return out;
}

void SimDriver::forget() {
  state_ = {};
  drifted_ = true;
}

void SimDriver::drift(std::uint64_t bits) {
  testing::Random random(bits);
  drifted_ = true;
  if (!state_.members.empty() && random.chance(60)) {
    const std::size_t which = random.below(state_.members.size());
    state_.members.erase(std::next(state_.members.begin(), static_cast<std::ptrdiff_t>(which)));
  } else if (!state_.networks.empty()) {
    state_.networks.erase(state_.networks.begin());
  }
}

}  // namespace tenet::simulation
