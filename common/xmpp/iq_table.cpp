#include "common/xmpp/iq_table.h"

#include "common/net/random.h"

namespace tenet::xmpp {

std::string IqTable::add(Jid to, Time deadline, Reply reply) {
  std::string id = net::random_id();
  deadlines_.emplace(deadline, id);
  pending_.emplace(id, Pending{std::move(to), deadline, std::move(reply)});
  return id;
}

std::optional<IqTable::Pending> IqTable::take(const std::string& id, const Jid& from) {
  const auto it = pending_.find(id);
  if (it == pending_.end()) return std::nullopt;
  const Jid& to = it->second.to;
  const bool own = to == self_.bare() || to.text() == self_.domain();
  const bool matches = from.empty() ? own : from == to || (own && from == self_.bare());
  if (!matches) return std::nullopt;
  Pending out = std::move(it->second);
  const auto [first, last] = deadlines_.equal_range(out.deadline);
  for (auto d = first; d != last; ++d) {
    if (d->second == id) {
      deadlines_.erase(d);
      break;
    }
  }
  pending_.erase(it);
  return out;
}

std::vector<IqTable::Pending> IqTable::expired(Time now) {
  std::vector<Pending> out;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const auto it = pending_.find(deadlines_.begin()->second);
    out.push_back(std::move(it->second));
    pending_.erase(it);
    deadlines_.erase(deadlines_.begin());
  }
  return out;
}

std::vector<IqTable::Pending> IqTable::take_all() {
  std::vector<Pending> out;
  for (auto& [id, pending] : pending_) out.push_back(std::move(pending));
  pending_.clear();
  deadlines_.clear();
  return out;
}

std::optional<IqTable::Time> IqTable::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

}  // namespace tenet::xmpp
