#include "device-agent/core/capacity.h"

#include <algorithm>

namespace tenet::device {
namespace {

std::string port_row(const std::string& port) {
  return port.empty() ? "bandwidth of VMs without a port" : "bandwidth of port " + port;
}

std::uint64_t clipped(Usage::Sum sum) {
  return static_cast<std::uint64_t>(std::min<Usage::Sum>(sum, Capacity::kUnlimited));
}

std::uint64_t reserved(const std::vector<Intent>& intents) {
  const Reserve* reserve = find_intent<Reserve>(intents);
  return reserve == nullptr ? 0 : reserve->rate.bits_per_second();
}

std::string amount(const std::string& capacity, std::uint64_t n) {
  return capacity.starts_with("bandwidth") ? BitRate(n).text() : std::to_string(n);
}

// An error if more is used than there is, and more than before.
std::optional<Error> check(const std::string& capacity, Usage::Sum before, Usage::Sum now,
                           std::uint64_t limit) {
  if (now <= before || now <= limit || limit == Capacity::kUnlimited) return std::nullopt;
  const std::uint64_t left = before < limit ? clipped(limit - before) : 0;
  const std::string more = amount(capacity, clipped(now - before));
  return Error{Code::no_resources,
               "the device has " + amount(capacity, left) + " of " + amount(capacity, limit) +
                   " left in " + capacity + ", and " + more + " more are asked for",
               {.capacity = capacity, .requested = more, .available = amount(capacity, left)}};
}

}  // namespace

std::uint64_t Capacity::bandwidth_of(std::string_view port) const {
  const auto own = ports.find(port);
  return own == ports.end() ? port_bandwidth : own->second;
}

void Usage::add_bandwidth(const std::string& port, Sum rate) {
  if (rate != 0) bandwidth_[port] += rate;
}

void Usage::remove_bandwidth(const std::string& port, Sum rate) {
  const auto used = bandwidth_.find(port);
  if (used == bandwidth_.end()) return;
  used->second -= rate;
  if (used->second == 0) bandwidth_.erase(used);
}

void Usage::add(const std::vector<Intent>& intents, const VmCountByPort& vms_by_port) {
  ++networks_;
  if (const Filter* filter = find_intent<Filter>(intents)) acl_entries_ += filter->rules.size();
  const Segment* segment = find_intent<Segment>(intents);
  if (segment != nullptr && segment->group) ++groups_[*segment->group];
  for (const auto& [port, count] : vms_by_port) {
    vms_ += count;
    add_bandwidth(port, Sum(count) * reserved(intents));
  }
}

void Usage::remove(const std::vector<Intent>& intents, const VmCountByPort& vms_by_port) {
  --networks_;
  if (const Filter* filter = find_intent<Filter>(intents)) acl_entries_ -= filter->rules.size();
  const Segment* segment = find_intent<Segment>(intents);
  if (segment != nullptr && segment->group) {
    const auto group = groups_.find(*segment->group);
    if (--group->second == 0) groups_.erase(group);
  }
  for (const auto& [port, count] : vms_by_port) {
    vms_ -= count;
    remove_bandwidth(port, Sum(count) * reserved(intents));
  }
}

void Usage::add_vm(const std::vector<Intent>& intents, const std::string& port) {
  ++vms_;
  add_bandwidth(port, reserved(intents));
}

void Usage::remove_vm(const std::vector<Intent>& intents, const std::string& port) {
  --vms_;
  remove_bandwidth(port, reserved(intents));
}

std::vector<Usage::Row> Usage::rows(const Capacity& capacity) const {
  std::vector<Row> out{
      {"networks", networks_, capacity.networks},
      {"vms", vms_, capacity.vms},
      {"acl-entries", acl_entries_, capacity.acl_entries},
      {"multicast-groups", groups_.size(), capacity.multicast_groups},
  };
  auto ports = bandwidth_;
  for (const auto& [port, limit] : capacity.ports) ports.try_emplace(port, 0);
  for (const auto& [port, used] : ports) {
    out.push_back({port_row(port), clipped(used), capacity.bandwidth_of(port)});
  }
  return out;
}

Usage::Snapshot Usage::snapshot(const std::set<std::string>& ports) const {
  Snapshot out{networks_, vms_, acl_entries_, groups_.size()};
  for (const std::string& port : ports) {
    const auto used = bandwidth_.find(port);
    out.bandwidth[port] = used == bandwidth_.end() ? 0 : used->second;
  }
  return out;
}

std::optional<Error> Usage::exceeded(const Snapshot& before, const Capacity& capacity) const {
  if (auto e = check("networks", before.networks, networks_, capacity.networks)) return e;
  if (auto e = check("vms", before.vms, vms_, capacity.vms)) return e;
  if (auto e = check("acl-entries", before.acl_entries, acl_entries_, capacity.acl_entries)) {
    return e;
  }
  if (auto e =
          check("multicast-groups", before.groups, groups_.size(), capacity.multicast_groups)) {
    return e;
  }
  for (const auto& [port, was] : before.bandwidth) {
    const auto used = bandwidth_.find(port);
    const Sum now = used == bandwidth_.end() ? 0 : used->second;
    if (auto e = check(port_row(port), was, now, capacity.bandwidth_of(port))) return e;
  }
  return std::nullopt;
}

}  // namespace tenet::device
