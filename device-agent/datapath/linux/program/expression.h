// The expressions of nftables rules as values: those of the kernel (linux/netfilter/nf_tables.h)
// that Tenet uses. Wanted rules and rules read from the kernel have the same type, and are compared
// with ==.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tenet::device::nft {

// Bytes as they are in a packet or in the key of a set.
using Bytes = std::string;

// The first of the sixteen 32-bit registers, 0 to 15, that hold a value. A value takes as many as
// it needs.
using Register = std::uint8_t;

enum class Header : std::uint8_t { link, network, transport };

// Loads bytes of the packet. A packet without that header does not match the rule.
struct LoadPayload {
  Header header = Header::link;
  std::uint16_t offset = 0;
  std::uint16_t length = 0;
  Register reg = 0;
  bool operator==(const LoadPayload&) const = default;
};

// Writes bytes into the network header, and updates its checksum if it has one.
struct SetPayload {
  std::uint16_t offset = 0;
  std::uint16_t length = 0;
  Register reg = 0;
  std::optional<std::uint16_t> checksum = std::nullopt;  // offset of the checksum
  bool operator==(const SetPayload&) const = default;
};

enum class MetaKey : std::uint8_t {
  iifname,
  oifname,
  iifgroup,   // link group, see ip-link(8)
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

// Matches if the bytes are equal, or not equal, to the value.
struct Cmp {
  Register reg = 0;
  Bytes value;
  bool equal = true;
  bool operator==(const Cmp&) const = default;
};

// Matches if the bytes are in the range, both ends included.
struct Range {
  Register reg = 0;
  Bytes first;
  Bytes last;
  bool operator==(const Range&) const = default;
};

// value = (value & mask) ^ xor_.
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
  std::string chain = {};  // of jump and goto_
  bool operator==(const Verdict&) const = default;
};

// Matches if the key is in the set or, with `invert`, if it is not. The value of a map is loaded
// into `result`; the verdict of a verdict map is executed.
struct Lookup {
  std::string set;
  Register key = 0;
  std::optional<Register> result = std::nullopt;
  bool verdict = false;
  bool invert = false;
  bool operator==(const Lookup&) const = default;
};

// Matches what exceeds the rate. The token bucket holds the bytes of one second, and `burst` bytes.
struct Limit {
  std::uint64_t bytes_per_second = 0;
  std::uint32_t burst = 0;
  bool operator==(const Limit&) const = default;
};

enum class DynsetOp : std::uint8_t { add, update, remove };

// Adds a key to a dynamic set, or removes it. With `limit`, each key has its own token bucket, and
// the rule matches only if the limit is exceeded.
struct Dynset {
  DynsetOp op = DynsetOp::update;
  std::string set;
  Register key = 0;
  std::optional<Register> value = std::nullopt;
  std::uint64_t timeout_ms = 0;
  std::optional<Limit> limit = std::nullopt;
  bool operator==(const Dynset&) const = default;
};

// Sends a copy out of the port whose interface index is in the register.
struct Dup {
  Register reg = 0;
  bool operator==(const Dup&) const = default;
};

// Passes the packet to userspace (NFQUEUE). `bypass`: accept if no program listens.
struct Queue {
  std::uint16_t number = 0;
  bool bypass = false;
  bool operator==(const Queue&) const = default;
};

// An expression that Tenet never writes, and which so differs from everything wanted.
struct Unknown {
  std::string name;
  bool operator==(const Unknown&) const = default;
};

using Expression = std::variant<LoadPayload, SetPayload, LoadMeta, LoadExthdr, SetMeta, Cmp, Range,
                                Bitwise, Immediate, Verdict, Lookup, Dynset, Dup, Queue, Unknown>;

struct Rule {
  std::vector<Expression> expressions;
  std::string comment = {};  // shown by `nft list ruleset`; at most 127 bytes
  bool operator==(const Rule&) const = default;
};

}  // namespace tenet::device::nft
