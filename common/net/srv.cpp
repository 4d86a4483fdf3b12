#include "common/net/srv.h"

#include <algorithm>

namespace tenet::net {

std::vector<Broker> order(std::vector<SrvRecord> records,
                          const std::function<std::uint32_t(std::uint32_t)>& below) {
  std::erase_if(records, [](const SrvRecord& r) { return r.target.empty(); });
  // Weight 0 first within a priority, so that it has its small chance (RFC 2782, "Weight").
  std::stable_sort(records.begin(), records.end(), [](const SrvRecord& a, const SrvRecord& b) {
    return a.priority != b.priority ? a.priority < b.priority : a.weight == 0 && b.weight != 0;
  });
  std::vector<Broker> out;
  while (!records.empty()) {
    const auto same = std::find_if(records.begin(), records.end(), [&](const SrvRecord& r) {
      return r.priority != records.front().priority;
    });
    std::uint32_t total = 0;
    for (auto it = records.begin(); it != same; ++it) total += it->weight;
    const std::uint32_t drawn = below(total);
    std::uint32_t sum = 0;
    const auto chosen = std::find_if(records.begin(), same, [&](const SrvRecord& r) {
      sum += r.weight;
      return sum >= drawn;
    });
    out.push_back({chosen->target, chosen->port, chosen->tls});
    records.erase(chosen);
  }
  return out;
}

Result<std::vector<Broker>> brokers_of(const std::string& domain, std::vector<SrvRecord> records,
                                       const std::function<std::uint32_t(std::uint32_t)>& below) {
  if (records.empty()) return std::vector<Broker>{{domain, 5222, TlsMode::starttls}};
  auto out = order(std::move(records), below);
  if (out.empty()) {
    return fail(Code::not_found, "the DNS says that " + domain + " has no XMPP service",
                {.entry = domain});
  }
  return out;
}

}  // namespace tenet::net
