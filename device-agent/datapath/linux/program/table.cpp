#include "device-agent/datapath/linux/program/table.h"

#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>

namespace tenet::device::nft {
namespace {

bool by_key(const Element& a, const Element& b) {
  return a.key < b.key;
}

void sort_elements(Table& table) {
  for (auto& [set, elements] : table.elements) {
    if (!std::is_sorted(elements.begin(), elements.end(), by_key)) {
      std::sort(elements.begin(), elements.end(), by_key);
    }
  }
  std::erase_if(table.elements, [](const auto& set) { return set.second.empty(); });
}

// A changed value is a removal and an addition; the caller commits all removals first.
void element_changes(const std::string& set, std::vector<Element>& from, std::vector<Element>& to,
                     std::vector<Change>& removed, std::vector<Change>& added) {
  auto old = from.begin();
  auto now = to.begin();
  while (old != from.end() || now != to.end()) {
    if (now == to.end() || (old != from.end() && old->key < now->key)) {
      removed.emplace_back(RemoveElement{set, std::move(*old++)});
    } else if (old == from.end() || now->key < old->key) {
      added.emplace_back(AddElement{set, std::move(*now++)});
    } else {
      if (*old != *now) {
        removed.emplace_back(RemoveElement{set, std::move(*old)});
        added.emplace_back(AddElement{set, std::move(*now)});
      }
      ++old;
      ++now;
    }
  }
}

template <class Map>
auto* find(Map& map, const typename std::remove_const_t<Map>::key_type& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

void move_into(std::vector<Change>& out, std::vector<Change>&& part) {
  out.insert(out.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
}

struct Describe {
  std::string operator()(const AddTable&) const { return "table"; }
  std::string operator()(const RemoveTable&) const { return "table"; }
  std::string operator()(const AddSet& c) const { return "set " + c.name; }
  std::string operator()(const RemoveSet& c) const { return "set " + c.name; }
  std::string operator()(const AddChain& c) const { return "chain " + c.name; }
  std::string operator()(const RemoveChain& c) const { return "chain " + c.name; }
  std::string operator()(const FlushChain& c) const { return "chain " + c.name; }
  std::string operator()(const AddRule& c) const { return "chain " + c.chain; }
  std::string operator()(const AddElement& c) const { return "element of set " + c.set; }
  std::string operator()(const RemoveElement& c) const { return "element of set " + c.set; }
};

}  // namespace

bool SetSpec::dynamic() const {
  return (flags & NFT_SET_EVAL) != 0;
}

std::size_t rule_count(const Table& table) {
  std::size_t out = 0;
  for (const auto& [name, chain] : table.chains) out += chain.rules.size();
  return out;
}

std::size_t element_count(const Table& table) {
  std::size_t out = 0;
  for (const auto& [set, elements] : table.elements) out += elements.size();
  return out;
}

void Table::add(Table part) {
  sets.merge(part.sets);
  chains.merge(part.chains);
  for (auto& [set, more] : part.elements) {
    auto& own = elements[set];
    own.insert(own.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
  }
}

bool operator==(Table a, Table b) {
  sort_elements(a);
  sort_elements(b);
  return a.sets == b.sets && a.chains == b.chains && a.elements == b.elements &&
         a.dormant == b.dormant;
}

bool same_shape(const Table& a, const Table& b) {
  if (a.dormant != b.dormant) return false;
  for (const auto& [name, spec] : a.sets) {
    const SetSpec* other = find(b.sets, name);
    if (other != nullptr && *other != spec) return false;
  }
  for (const auto& [name, chain] : a.chains) {
    const Chain* other = find(b.chains, name);
    if (other != nullptr && other->hook != chain.hook) return false;
  }
  return true;
}

std::vector<Change> difference(Table from, Table to) {
  sort_elements(from);
  sort_elements(to);
  std::vector<Change> out;
  std::vector<Change> rules;
  std::vector<Change> gone;
  // Tables can be very large: reserve once instead of moving all changes as the vector grows.
  rules.reserve(rule_count(to));
  for (const auto& [name, spec] : to.sets) {
    if (!from.sets.contains(name)) out.emplace_back(AddSet{name, spec});
  }
  for (auto& [name, chain] : to.chains) {
    const Chain* old = find(from.chains, name);
    if (old == nullptr) {
      out.emplace_back(AddChain{name, chain.hook});
    } else if (old->rules == chain.rules) {
      continue;
    } else if (!old->rules.empty()) {
      out.emplace_back(FlushChain{name});
    }
    for (Rule& rule : chain.rules) rules.emplace_back(AddRule{name, std::move(rule)});
  }
  for (const auto& [name, chain] : from.chains) {
    if (to.chains.contains(name)) continue;
    out.emplace_back(FlushChain{name});
    gone.emplace_back(RemoveChain{name});
  }
  for (const auto& [name, spec] : from.sets) {
    if (!to.sets.contains(name)) gone.emplace_back(RemoveSet{name});
  }
  std::vector<Element> none;
  std::vector<Change> removed;
  std::vector<Change> added;
  removed.reserve(element_count(from));
  added.reserve(element_count(to));
  for (auto& [set, elements] : to.elements) {
    auto* old = find(from.elements, set);
    element_changes(set, old == nullptr ? none : *old, elements, removed, added);
  }
  for (auto& [set, elements] : from.elements) {
    // The kernel removes a set's elements with it, including kinds that Tenet does not write.
    const bool set_removed = from.sets.contains(set) && !to.sets.contains(set);
    if (!to.elements.contains(set) && !set_removed) {
      element_changes(set, elements, none, removed, added);
    }
  }
  out.reserve(out.size() + removed.size() + gone.size() + added.size() + rules.size());
  // Elements refer to chains: remove them before the chains, add them after the chains.
  move_into(out, std::move(removed));
  move_into(out, std::move(gone));
  move_into(out, std::move(added));
  move_into(out, std::move(rules));
  return out;
}

std::vector<Change> creation(Table table) {
  std::vector<Change> out = difference({}, std::move(table));
  out.emplace(out.begin(), AddTable{});
  return out;
}

std::string text(const Change& change) {
  return std::visit(Describe{}, change);
}

}  // namespace tenet::device::nft
