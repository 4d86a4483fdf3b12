#include "device-agent/datapath/linux/kernel/table_update.h"

#include <map>
#include <set>
#include <utility>
#include <variant>

namespace tenet::device::nft {
namespace {

std::string name_of(const TableName& table) {
  switch (table.family) {
    case TableFamily::bridge:
      return "table bridge " + table.name;
    case TableFamily::netdev:
      return "table netdev " + table.name;
    case TableFamily::inet:
      return "table inet " + table.name;
    default:
      return "table arp " + table.name;
  }
}

}  // namespace

bool update_table(Transaction& out, const TableName& name, std::optional<Table> now, Table wanted,
                  bool rebuild) {
  if (now && !rebuild && same_shape(*now, wanted)) {
    out.add(name, difference(*std::move(now), std::move(wanted)));
    return false;
  }
  if (now) out.add(name, RemoveTable{});
  out.add(name, creation(std::move(wanted)));
  return true;
}

void restrict_to(Table& table, const Table& base) {
  std::erase_if(table.sets, [&](const auto& set) { return !base.sets.contains(set.first); });
  std::erase_if(table.chains, [&](const auto& c) { return !base.chains.contains(c.first); });
  table.elements.clear();
}

std::vector<std::string> summary(const Transaction& transaction) {
  std::map<std::string, std::size_t> counts;
  std::set<std::string> replaced;
  for (const auto& step : transaction.steps()) {
    const std::string table = name_of(step.table);
    const bool whole = std::holds_alternative<RemoveTable>(step.change) ||
                       std::holds_alternative<AddTable>(step.change);
    if (whole && replaced.insert(table).second) counts[table] = 1;
    // A flushed chain gets new rules, which name it.
    if (replaced.contains(table) || std::holds_alternative<FlushChain>(step.change)) continue;
    if (const auto* rule = std::get_if<AddRule>(&step.change)) {
      counts["chain " + rule->chain] = 1;
    } else {
      ++counts[nft::text(step.change)];
    }
  }
  std::vector<std::string> out;
  out.reserve(counts.size());
  for (const auto& [text, count] : counts) {
    out.push_back(count == 1 ? text : text + " (" + std::to_string(count) + ")");
  }
  return out;
}

}  // namespace tenet::device::nft
