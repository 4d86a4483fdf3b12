#include "device-agent/datapath/linux/kernel/nft_expression_reader.h"

#include <libnftnl/expr.h>
#include <linux/netfilter/nf_tables.h>

#include <array>
#include <string_view>
#include <utility>

#include "device-agent/datapath/linux/kernel/nft_numbers.h"

namespace tenet::device::nft {
namespace {

Bytes bytes_of(const nftnl_expr* e, std::uint16_t attribute) {
  std::uint32_t size = 0;
  const auto* data = static_cast<const char*>(nftnl_expr_get(e, attribute, &size));
  return data == nullptr ? Bytes() : Bytes(data, size);
}

std::optional<Register> register_in(const nftnl_expr* e, std::uint16_t attribute) {
  if (!nftnl_expr_is_set(e, attribute)) return std::nullopt;
  return register_of(nftnl_expr_get_u32(e, attribute));
}

Expression read_payload(const nftnl_expr* e) {
  const auto offset = static_cast<std::uint16_t>(nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET));
  const auto length = static_cast<std::uint16_t>(nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_LEN));
  const std::uint32_t base = nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_BASE);
  if (base > NFT_PAYLOAD_TRANSPORT_HEADER) return Unknown{"payload"};
  if (const auto reg = register_in(e, NFTNL_EXPR_PAYLOAD_DREG)) {
    return LoadPayload{static_cast<Header>(base), offset, length, *reg};
  }
  const auto reg = register_in(e, NFTNL_EXPR_PAYLOAD_SREG);
  if (!reg || base != NFT_PAYLOAD_NETWORK_HEADER) return Unknown{"payload"};
  SetPayload out{offset, length, *reg};
  if (nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_CSUM_TYPE) != NFT_PAYLOAD_CSUM_NONE) {
    out.checksum =
        static_cast<std::uint16_t>(nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_CSUM_OFFSET));
  }
  return out;
}

Expression read_meta(const nftnl_expr* e) {
  const auto key = meta_key(nftnl_expr_get_u32(e, NFTNL_EXPR_META_KEY));
  if (!key) return Unknown{"meta"};
  if (const auto reg = register_in(e, NFTNL_EXPR_META_DREG)) return LoadMeta{*key, *reg};
  return SetMeta{*key, register_in(e, NFTNL_EXPR_META_SREG).value_or(0)};
}

Expression read_exthdr(const nftnl_expr* e) {
  const auto reg = register_in(e, NFTNL_EXPR_EXTHDR_DREG);
  if (!reg || nftnl_expr_get_u32(e, NFTNL_EXPR_EXTHDR_OP) != NFT_EXTHDR_OP_IPV6) {
    return Unknown{"exthdr"};
  }
  return LoadExthdr{nftnl_expr_get_u8(e, NFTNL_EXPR_EXTHDR_TYPE),
                    static_cast<std::uint16_t>(nftnl_expr_get_u32(e, NFTNL_EXPR_EXTHDR_OFFSET)),
                    static_cast<std::uint16_t>(nftnl_expr_get_u32(e, NFTNL_EXPR_EXTHDR_LEN)), *reg};
}

Expression read_cmp(const nftnl_expr* e) {
  const std::uint32_t op = nftnl_expr_get_u32(e, NFTNL_EXPR_CMP_OP);
  if (op != NFT_CMP_EQ && op != NFT_CMP_NEQ) return Unknown{"cmp"};
  return Cmp{register_in(e, NFTNL_EXPR_CMP_SREG).value_or(0), bytes_of(e, NFTNL_EXPR_CMP_DATA),
             op == NFT_CMP_EQ};
}

Expression read_range(const nftnl_expr* e) {
  if (nftnl_expr_get_u32(e, NFTNL_EXPR_RANGE_OP) != NFT_RANGE_EQ) return Unknown{"range"};
  return Range{register_in(e, NFTNL_EXPR_RANGE_SREG).value_or(0),
               bytes_of(e, NFTNL_EXPR_RANGE_FROM_DATA), bytes_of(e, NFTNL_EXPR_RANGE_TO_DATA)};
}

Expression read_bitwise(const nftnl_expr* e) {
  const auto reg = register_in(e, NFTNL_EXPR_BITWISE_SREG);
  if (nftnl_expr_get_u32(e, NFTNL_EXPR_BITWISE_OP) != NFT_BITWISE_BOOL || !reg ||
      reg != register_in(e, NFTNL_EXPR_BITWISE_DREG)) {
    return Unknown{"bitwise"};
  }
  return Bitwise{*reg, bytes_of(e, NFTNL_EXPR_BITWISE_MASK), bytes_of(e, NFTNL_EXPR_BITWISE_XOR)};
}

Expression read_immediate(const nftnl_expr* e) {
  if (nftnl_expr_get_u32(e, NFTNL_EXPR_IMM_DREG) != NFT_REG_VERDICT) {
    return Immediate{register_in(e, NFTNL_EXPR_IMM_DREG).value_or(0),
                     bytes_of(e, NFTNL_EXPR_IMM_DATA)};
  }
  const auto code =
      verdict_code(static_cast<std::int32_t>(nftnl_expr_get_u32(e, NFTNL_EXPR_IMM_VERDICT)));
  if (!code) return Unknown{"immediate"};
  Verdict out{*code};
  if (nftnl_expr_is_set(e, NFTNL_EXPR_IMM_CHAIN)) {
    out.chain = nftnl_expr_get_str(e, NFTNL_EXPR_IMM_CHAIN);
  }
  return out;
}

Expression read_lookup(const nftnl_expr* e) {
  Lookup out{nftnl_expr_get_str(e, NFTNL_EXPR_LOOKUP_SET),
             register_in(e, NFTNL_EXPR_LOOKUP_SREG).value_or(0)};
  if (nftnl_expr_is_set(e, NFTNL_EXPR_LOOKUP_DREG)) {
    const std::uint32_t number = nftnl_expr_get_u32(e, NFTNL_EXPR_LOOKUP_DREG);
    out.verdict = number == NFT_REG_VERDICT;
    if (!out.verdict) out.result = register_of(number);
  }
  out.invert = nftnl_expr_is_set(e, NFTNL_EXPR_LOOKUP_FLAGS) &&
               (nftnl_expr_get_u32(e, NFTNL_EXPR_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV) != 0;
  return out;
}

// The limit of a dynamic set's elements, the only expression that Tenet gives them. `unknown`:
// there is another.
std::optional<Limit> read_limit(const nftnl_expr* e, bool& unknown) {
  std::vector<const nftnl_expr*> inner;
  nftnl_expr_expr_foreach(
      e,
      [](nftnl_expr* i, void* list) {
        static_cast<std::vector<const nftnl_expr*>*>(list)->push_back(i);
        return 0;
      },
      &inner);
  if (inner.empty()) return std::nullopt;
  const nftnl_expr* limit = inner.front();
  unknown = inner.size() > 1 ||
            std::string_view(nftnl_expr_get_str(limit, NFTNL_EXPR_NAME)) != "limit" ||
            nftnl_expr_get_u64(limit, NFTNL_EXPR_LIMIT_UNIT) != 1 ||
            nftnl_expr_get_u32(limit, NFTNL_EXPR_LIMIT_TYPE) != NFT_LIMIT_PKT_BYTES ||
            nftnl_expr_get_u32(limit, NFTNL_EXPR_LIMIT_FLAGS) != NFT_LIMIT_F_INV;
  if (unknown) return std::nullopt;
  return Limit{nftnl_expr_get_u64(limit, NFTNL_EXPR_LIMIT_RATE),
               nftnl_expr_get_u32(limit, NFTNL_EXPR_LIMIT_BURST)};
}

Expression read_dynset(const nftnl_expr* e) {
  const auto kind = dynset_op(nftnl_expr_get_u32(e, NFTNL_EXPR_DYNSET_OP));
  if (!kind) return Unknown{"dynset"};
  Dynset out{*kind, nftnl_expr_get_str(e, NFTNL_EXPR_DYNSET_SET_NAME),
             register_in(e, NFTNL_EXPR_DYNSET_SREG_KEY).value_or(0),
             register_in(e, NFTNL_EXPR_DYNSET_SREG_DATA)};
  if (nftnl_expr_is_set(e, NFTNL_EXPR_DYNSET_TIMEOUT)) {
    out.timeout_ms = nftnl_expr_get_u64(e, NFTNL_EXPR_DYNSET_TIMEOUT);
  }
  bool unknown = false;
  out.limit = read_limit(e, unknown);
  if (unknown) return Unknown{"dynset"};
  return out;
}

Expression read_dup(const nftnl_expr* e) {
  return Dup{register_in(e, NFTNL_EXPR_DUP_SREG_DEV).value_or(0)};
}

Expression read_queue(const nftnl_expr* e) {
  return Queue{nftnl_expr_get_u16(e, NFTNL_EXPR_QUEUE_NUM),
               (nftnl_expr_get_u16(e, NFTNL_EXPR_QUEUE_FLAGS) & NFT_QUEUE_FLAG_BYPASS) != 0};
}

struct Reader {
  std::string_view name;
  Expression (*read)(const nftnl_expr*);
};
constexpr std::array<Reader, 11> kReaders{{{"payload", read_payload},
                                           {"exthdr", read_exthdr},
                                           {"meta", read_meta},
                                           {"cmp", read_cmp},
                                           {"range", read_range},
                                           {"bitwise", read_bitwise},
                                           {"immediate", read_immediate},
                                           {"lookup", read_lookup},
                                           {"dynset", read_dynset},
                                           {"dup", read_dup},
                                           {"queue", read_queue}}};

}  // namespace

Expression from_nftnl(const nftnl_expr* expression) {
  const std::string_view name = nftnl_expr_get_str(expression, NFTNL_EXPR_NAME);
  for (const Reader& reader : kReaders) {
    if (reader.name == name) return reader.read(expression);
  }
  return Unknown{std::string(name)};
}

}  // namespace tenet::device::nft
