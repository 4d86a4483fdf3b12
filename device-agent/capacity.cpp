#include "device-agent/capacity.h"

namespace tenet::device {
namespace {

std::uint64_t used_of(const std::vector<Usage::Row>& rows, const std::string& capacity) {
  for (const Usage::Row& row : rows) {
    if (row.capacity == capacity) return row.used;
  }
  return 0;
}

std::string port_row(const std::string& port) {
  return port.empty() ? "bandwidth of VMs without a port" : "bandwidth of port " + port;
}

}  // namespace

std::uint64_t Capacity::bandwidth_of(std::string_view port) const {
  const auto own = ports.find(port);
  return own == ports.end() ? port_bandwidth : own->second;
}

void Usage::add(const std::vector<Intent>& intents, const Holders& holders) {
  ++networks_;
  if (const Filter* filter = find_intent<Filter>(intents)) acl_entries_ += filter->rules.size();
  const Segment* segment = find_intent<Segment>(intents);
  if (segment != nullptr && segment->group) ++groups_[*segment->group];
  const Reserve* reserve = find_intent<Reserve>(intents);
  for (const auto& [port, count] : holders) {
    vms_ += count;
    if (reserve != nullptr) bandwidth_[port] += count * reserve->rate.bits_per_second();
  }
}

void Usage::remove(const std::vector<Intent>& intents, const Holders& holders) {
  --networks_;
  if (const Filter* filter = find_intent<Filter>(intents)) acl_entries_ -= filter->rules.size();
  const Segment* segment = find_intent<Segment>(intents);
  if (segment != nullptr && segment->group) {
    const auto group = groups_.find(*segment->group);
    if (--group->second == 0) groups_.erase(group);
  }
  const Reserve* reserve = find_intent<Reserve>(intents);
  for (const auto& [port, count] : holders) {
    vms_ -= count;
    if (reserve == nullptr) continue;
    const auto used = bandwidth_.find(port);
    used->second -= count * reserve->rate.bits_per_second();
    if (used->second == 0) bandwidth_.erase(used);
  }
}

std::vector<Usage::Row> Usage::rows(const Capacity& capacity) const {
  std::vector<Row> out{
      {"networks", networks_, capacity.networks},
      {"vms", vms_, capacity.vms},
      {"acl-entries", acl_entries_, capacity.acl_entries},
      {"multicast-groups", groups_.size(), capacity.multicast_groups},
  };
  Holders ports = bandwidth_;
  for (const auto& [port, limit] : capacity.ports) ports.try_emplace(port, 0);
  for (const auto& [port, used] : ports) {
    out.push_back({port_row(port), used, capacity.bandwidth_of(port)});
  }
  return out;
}

std::optional<Error> Usage::exceeded(const Usage& before, const Capacity& capacity) const {
  const std::vector<Row> old = before.rows(capacity);
  for (const Row& row : rows(capacity)) {
    const std::uint64_t had = used_of(old, row.capacity);
    if (row.used <= row.limit || row.used <= had) continue;
    const std::uint64_t left = row.limit > had ? row.limit - had : 0;
    const bool rate = row.capacity.starts_with("bandwidth");
    const auto number = [&](std::uint64_t n) {
      return rate ? BitRate(n).text() : std::to_string(n);
    };
    return Error{
        Code::no_resources,
        "the device has " + number(left) + " of " + number(row.limit) + " left in " + row.capacity +
            ", and " + number(row.used - had) + " more are asked for",
        {.capacity = row.capacity, .requested = number(row.used - had), .available = number(left)}};
  }
  return std::nullopt;
}

}  // namespace tenet::device
