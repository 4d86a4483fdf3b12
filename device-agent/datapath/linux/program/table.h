// One table of nftables as a value, and the changes that turn one table into another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "device-agent/datapath/linux/program/expression.h"

namespace tenet::device::nft {

enum class TableFamily : std::uint8_t { bridge, netdev, inet, arp };

struct TableName {
  TableFamily family = TableFamily::bridge;
  std::string name;
  bool operator==(const TableName&) const = default;
};

// The hook of a base chain.
struct Hook {
  std::uint32_t number = 0;
  std::int32_t priority = 0;
  std::string device = {};   // netdev only
  std::uint32_t policy = 1;  // at the end of the chain; always NF_ACCEPT
  bool operator==(const Hook&) const = default;
};

struct Chain {
  std::optional<Hook> hook = std::nullopt;
  std::vector<Rule> rules = {};
  bool operator==(const Chain&) const = default;
};

struct SetSpec {
  std::uint32_t flags = 0;       // NFT_SET_*
  std::uint32_t key_type = 0;    // nft's number of the data type, which it needs to list the set
  std::uint32_t key_length = 0;  // bytes
  std::uint32_t data_type = 0;
  std::uint32_t data_length = 0;
  std::uint64_t timeout_ms = 0;
  std::uint32_t size = 0;  // most elements; 0: no limit
  bool operator==(const SetSpec&) const = default;
  bool dynamic() const;  // packets add its elements
};

struct Element {
  Bytes key;
  std::variant<std::monostate, Bytes, Verdict> data = {};
  bool operator==(const Element&) const = default;
};

struct Table {
  std::map<std::string, SetSpec> sets;
  std::map<std::string, Chain> chains;
  // By set, in any order. Not those of dynamic sets.
  std::map<std::string, std::vector<Element>> elements;
  bool dormant = false;  // NFT_TABLE_F_DORMANT: the table exists, but its chains see no packets

  void add(Table part);
};
bool operator==(Table a, Table b);
std::size_t rule_count(const Table& table);
std::size_t element_count(const Table& table);

// A change is one netlink message.
struct AddTable {};
struct RemoveTable {};
struct AddSet {
  std::string name;
  SetSpec spec;
};
struct RemoveSet {
  std::string name;
};
struct AddChain {
  std::string name;
  std::optional<Hook> hook;
};
struct RemoveChain {
  std::string name;
};
struct FlushChain {
  std::string name;
};
struct AddRule {
  std::string chain;
  Rule rule;
};
struct AddElement {
  std::string set;
  Element element;
};
struct RemoveElement {
  std::string set;
  Element element;
};
using Change = std::variant<AddTable, RemoveTable, AddSet, RemoveSet, AddChain, RemoveChain,
                            FlushChain, AddRule, AddElement, RemoveElement>;

// The changes that turn `from` into `to`, in an order that the kernel accepts in one transaction.
// Both may be the same part of a table. Precondition: same_shape(from, to), because a hook or a set
// specification cannot be changed.
std::vector<Change> difference(Table from, Table to);
// The changes that create the table.
std::vector<Change> creation(Table table);
// True if each set in both tables has the same specification, and each chain the same hook.
bool same_shape(const Table& a, const Table& b);
// The object that changes, for logs and operators: "set vms", "chain to-4096", "element of set
// vms".
std::string text(const Change& change);

}  // namespace tenet::device::nft
