// What a rule of nftables is made of, as values: the kernel's own expressions (linux/netfilter/
// nf_tables.h), no more of them than we use. What we want and what the kernel says it has are the
// same type, so that comparing them is ==.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tenet::device::nft {

// Bytes as they stand in a packet or in a set's key.
using Bytes = std::string;

// Registers, by their first of sixteen 32-bit words. A value takes as many words as it needs.
using Register = std::uint8_t;

enum class Header : std::uint8_t { link, network, transport };

// Loads bytes of the packet. A packet that has no such header does not match the rule.
struct LoadPayload {
  Header header = Header::link;
  std::uint16_t offset = 0;
  std::uint16_t length = 0;
  Register reg = 0;
  bool operator==(const LoadPayload&) const = default;
};

// Writes bytes into the network header, and mends its checksum if it has one.
struct SetPayload {
  std::uint16_t offset = 0;
  std::uint16_t length = 0;
  Register reg = 0;
  std::optional<std::uint16_t> checksum = std::nullopt;  // its offset
  bool operator==(const SetPayload&) const = default;
};

enum class MetaKey : std::uint8_t {
  iifname,
  oifname,
  iifgroup,   // of links, see ip-link(8)
  ethertype,  // nft's "meta protocol"
  l4proto,
  priority,
  mark
};

struct LoadMeta {
  MetaKey key = MetaKey::iifname;
  Register reg = 0;
  bool operator==(const LoadMeta&) const = default;
};

// Loads bytes of an IPv6 extension header. A packet without it does not match the rule.
struct LoadExthdr {
  std::uint8_t type = 0;
  std::uint16_t offset = 0;
  std::uint16_t length = 0;
  Register reg = 0;
  bool operator==(const LoadExthdr&) const = default;
};

struct SetMeta {
  MetaKey key = MetaKey::priority;
  Register reg = 0;
  bool operator==(const SetMeta&) const = default;
};

// Goes on only if the bytes are, or are not, these.
struct Cmp {
  Register reg = 0;
  Bytes value;
  bool equal = true;
  bool operator==(const Cmp&) const = default;
};

// Goes on only if the bytes are in that range.
struct Range {
  Register reg = 0;
  Bytes first;
  Bytes last;
  bool operator==(const Range&) const = default;
};

// (value & mask) ^ flip, in place.
struct Bitwise {
  Register reg = 0;
  Bytes mask;
  Bytes xor_;
  bool operator==(const Bitwise&) const = default;
};

struct Immediate {
  Register reg = 0;
  Bytes value;
  bool operator==(const Immediate&) const = default;
};

enum class VerdictCode : std::int8_t { drop, accept, jump, goto_, return_ };

struct Verdict {
  VerdictCode code = VerdictCode::drop;
  std::string chain = {};  // of jump and go_to
  bool operator==(const Verdict&) const = default;
};

// Goes on only if the key is, or is not, in the set. A map's value goes to `result`; a verdict map
// decides at once.
struct Lookup {
  std::string set;
  Register key = 0;
  std::optional<Register> result = std::nullopt;
  bool verdict = false;
  bool invert = false;
  bool operator==(const Lookup&) const = default;
};

// More than that many bytes per second. The bucket holds what one second brings, and `burst`.
struct Limit {
  std::uint64_t bytes_per_second = 0;
  std::uint32_t burst = 0;
  bool operator==(const Limit&) const = default;
};

enum class DynsetOp : std::uint8_t { add, update, remove };

// Puts a key into a dynamic set, or takes it out. With a limit, each key has its own bucket, and
// the rule goes on only if it is exceeded.
struct Dynset {
  DynsetOp op = DynsetOp::update;
  std::string set;
  Register key = 0;
  std::optional<Register> value = std::nullopt;
  std::uint64_t timeout_ms = 0;
  std::optional<Limit> limit = std::nullopt;
  bool operator==(const Dynset&) const = default;
};

// A copy goes out on the port whose index is in the slot.
struct Dup {
  Register reg = 0;
  bool operator==(const Dup&) const = default;
};

// Userspace decides. `bypass`: accept while nobody listens.
struct Queue {
  std::uint16_t number = 0;
  bool bypass = false;
  bool operator==(const Queue&) const = default;
};

// Something in the kernel that we never write.
struct Unknown {
  std::string name;
  bool operator==(const Unknown&) const = default;
};

using Expression = std::variant<LoadPayload, SetPayload, LoadMeta, LoadExthdr, SetMeta, Cmp, Range,
                                Bitwise, Immediate, Verdict, Lookup, Dynset, Dup, Queue, Unknown>;

struct Rule {
  std::vector<Expression> expressions;
  std::string comment = {};  // for those who read `nft list ruleset`; at most 127 bytes
  bool operator==(const Rule&) const = default;
};

}  // namespace tenet::device::nft
