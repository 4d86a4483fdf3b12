// One table of nftables as a value, and what leads from one to another.
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

// Where a base chain hangs.
struct Hook {
  std::uint32_t number = 0;
  std::int32_t priority = 0;
  std::string device = {};   // netdev only
  std::uint32_t policy = 1;  // what happens at the end: NF_ACCEPT, always
  bool operator==(const Hook&) const = default;
};

struct Chain {
  std::optional<Hook> hook = std::nullopt;
  std::vector<Rule> rules = {};
  bool operator==(const Chain&) const = default;
};

struct SetSpec {
  std::uint32_t flags = 0;     // NFT_SET_*
  std::uint32_t key_type = 0;  // nft's number of the type, for its listings
  std::uint32_t key_length = 0;
  std::uint32_t data_type = 0;
  std::uint32_t data_length = 0;
  std::uint64_t timeout_ms = 0;
  std::uint32_t size = 0;  // 0: no bound
  bool operator==(const SetSpec&) const = default;
  bool dynamic() const;  // its elements are put in by packets
};

struct Element {
  Bytes key;
  std::variant<std::monostate, Bytes, Verdict> data = {};
  bool operator==(const Element&) const = default;
};

struct Table {
  std::map<std::string, SetSpec> sets;
  std::map<std::string, Chain> chains;
  // By set; those of dynamic sets never count. In any order.
  std::map<std::string, std::vector<Element>> elements;
  bool dormant = false;  // there, but without effect: somebody has switched it off

  void add(Table part);
};
bool operator==(Table a, Table b);
std::size_t rule_count(const Table& table);
std::size_t element_count(const Table& table);

// One message to the kernel.
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

// What turns `from` into `to`, in an order that the kernel takes in one transaction. Both may be
// the same part of a table. A base chain or a set that changes its shape is not expressible:
// see same_frame().
std::vector<Change> difference(Table from, Table to);
// Everything, from nothing.
std::vector<Change> creation(Table table);
// Whether each set and base chain that both have is of the same shape.
bool same_shape(const Table& a, const Table& b);
// "set vms", "chain to-4096", "element of set vms": what differs, for logs and operators.
std::string text(const Change& change);

}  // namespace tenet::device::nft
