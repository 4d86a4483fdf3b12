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

std::optional<Slot> slot_in(const nftnl_expr* e, std::uint16_t attribute) {
  if (!nftnl_expr_is_set(e, attribute)) return std::nullopt;
  return register_of(nftnl_expr_get_u32(e, attribute));
}

Expression read_payload(const nftnl_expr* e) {
  const auto offset = static_cast<std::uint16_t>(nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET));
  const auto length = static_cast<std::uint16_t>(nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_LEN));
  const std::uint32_t base = nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_BASE);
  if (base > NFT_PAYLOAD_TRANSPORT_HEADER) return Foreign{"payload"};
  if (const auto slot = slot_in(e, NFTNL_EXPR_PAYLOAD_DREG)) {
    return Load{static_cast<Header>(base), offset, length, *slot};
  }
  const auto slot = slot_in(e, NFTNL_EXPR_PAYLOAD_SREG);
  if (!slot || base != NFT_PAYLOAD_NETWORK_HEADER) return Foreign{"payload"};
  Write out{offset, length, *slot};
  if (nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_CSUM_TYPE) != NFT_PAYLOAD_CSUM_NONE) {
    out.checksum =
        static_cast<std::uint16_t>(nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_CSUM_OFFSET));
  }
  return out;
}

Expression read_meta(const nftnl_expr* e) {
  const auto key = meta_key(nftnl_expr_get_u32(e, NFTNL_EXPR_META_KEY));
  if (!key) return Foreign{"meta"};
  if (const auto slot = slot_in(e, NFTNL_EXPR_META_DREG)) return LoadMeta{*key, *slot};
  return SetMeta{*key, slot_in(e, NFTNL_EXPR_META_SREG).value_or(0)};
}

Expression read_extension(const nftnl_expr* e) {
  const auto slot = slot_in(e, NFTNL_EXPR_EXTHDR_DREG);
  if (!slot || nftnl_expr_get_u32(e, NFTNL_EXPR_EXTHDR_OP) != NFT_EXTHDR_OP_IPV6) {
    return Foreign{"exthdr"};
  }
  return LoadExtension{nftnl_expr_get_u8(e, NFTNL_EXPR_EXTHDR_TYPE),
                       static_cast<std::uint16_t>(nftnl_expr_get_u32(e, NFTNL_EXPR_EXTHDR_OFFSET)),
                       static_cast<std::uint16_t>(nftnl_expr_get_u32(e, NFTNL_EXPR_EXTHDR_LEN)),
                       *slot};
}

Expression read_compare(const nftnl_expr* e) {
  const std::uint32_t op = nftnl_expr_get_u32(e, NFTNL_EXPR_CMP_OP);
  if (op != NFT_CMP_EQ && op != NFT_CMP_NEQ) return Foreign{"cmp"};
  return Compare{slot_in(e, NFTNL_EXPR_CMP_SREG).value_or(0), bytes_of(e, NFTNL_EXPR_CMP_DATA),
                 op == NFT_CMP_EQ};
}

Expression read_range(const nftnl_expr* e) {
  if (nftnl_expr_get_u32(e, NFTNL_EXPR_RANGE_OP) != NFT_RANGE_EQ) return Foreign{"range"};
  return Between{slot_in(e, NFTNL_EXPR_RANGE_SREG).value_or(0),
                 bytes_of(e, NFTNL_EXPR_RANGE_FROM_DATA), bytes_of(e, NFTNL_EXPR_RANGE_TO_DATA)};
}

Expression read_bitwise(const nftnl_expr* e) {
  const auto slot = slot_in(e, NFTNL_EXPR_BITWISE_SREG);
  if (nftnl_expr_get_u32(e, NFTNL_EXPR_BITWISE_OP) != NFT_BITWISE_BOOL || !slot ||
      slot != slot_in(e, NFTNL_EXPR_BITWISE_DREG)) {
    return Foreign{"bitwise"};
  }
  return Bitwise{*slot, bytes_of(e, NFTNL_EXPR_BITWISE_MASK), bytes_of(e, NFTNL_EXPR_BITWISE_XOR)};
}

Expression read_immediate(const nftnl_expr* e) {
  if (nftnl_expr_get_u32(e, NFTNL_EXPR_IMM_DREG) != NFT_REG_VERDICT) {
    return Constant{slot_in(e, NFTNL_EXPR_IMM_DREG).value_or(0), bytes_of(e, NFTNL_EXPR_IMM_DATA)};
  }
  const auto code =
      verdict_code(static_cast<std::int32_t>(nftnl_expr_get_u32(e, NFTNL_EXPR_IMM_VERDICT)));
  if (!code) return Foreign{"immediate"};
  Verdict out{*code};
  if (nftnl_expr_is_set(e, NFTNL_EXPR_IMM_CHAIN)) {
    out.chain = nftnl_expr_get_str(e, NFTNL_EXPR_IMM_CHAIN);
  }
  return out;
}

Expression read_lookup(const nftnl_expr* e) {
  Lookup out{nftnl_expr_get_str(e, NFTNL_EXPR_LOOKUP_SET),
             slot_in(e, NFTNL_EXPR_LOOKUP_SREG).value_or(0)};
  if (nftnl_expr_is_set(e, NFTNL_EXPR_LOOKUP_DREG)) {
    const std::uint32_t number = nftnl_expr_get_u32(e, NFTNL_EXPR_LOOKUP_DREG);
    out.verdict = number == NFT_REG_VERDICT;
    if (!out.verdict) out.result = register_of(number);
  }
  out.absent = nftnl_expr_is_set(e, NFTNL_EXPR_LOOKUP_FLAGS) &&
               (nftnl_expr_get_u32(e, NFTNL_EXPR_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV) != 0;
  return out;
}

// The one expression that an element of a dynamic set may carry here.
std::optional<Limit> read_limit(const nftnl_expr* e, bool& foreign) {
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
  foreign = inner.size() > 1 ||
            std::string_view(nftnl_expr_get_str(limit, NFTNL_EXPR_NAME)) != "limit" ||
            nftnl_expr_get_u64(limit, NFTNL_EXPR_LIMIT_UNIT) != 1 ||
            nftnl_expr_get_u32(limit, NFTNL_EXPR_LIMIT_TYPE) != NFT_LIMIT_PKT_BYTES ||
            nftnl_expr_get_u32(limit, NFTNL_EXPR_LIMIT_FLAGS) != NFT_LIMIT_F_INV;
  if (foreign) return std::nullopt;
  return Limit{nftnl_expr_get_u64(limit, NFTNL_EXPR_LIMIT_RATE),
               nftnl_expr_get_u32(limit, NFTNL_EXPR_LIMIT_BURST)};
}

Expression read_update(const nftnl_expr* e) {
  const auto kind = update_kind(nftnl_expr_get_u32(e, NFTNL_EXPR_DYNSET_OP));
  if (!kind) return Foreign{"dynset"};
  Update out{*kind, nftnl_expr_get_str(e, NFTNL_EXPR_DYNSET_SET_NAME),
             slot_in(e, NFTNL_EXPR_DYNSET_SREG_KEY).value_or(0),
             slot_in(e, NFTNL_EXPR_DYNSET_SREG_DATA)};
  if (nftnl_expr_is_set(e, NFTNL_EXPR_DYNSET_TIMEOUT)) {
    out.timeout_ms = nftnl_expr_get_u64(e, NFTNL_EXPR_DYNSET_TIMEOUT);
  }
  bool foreign = false;
  out.over = read_limit(e, foreign);
  if (foreign) return Foreign{"dynset"};
  return out;
}

Expression read_dup(const nftnl_expr* e) {
  return Duplicate{slot_in(e, NFTNL_EXPR_DUP_SREG_DEV).value_or(0)};
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
                                           {"exthdr", read_extension},
                                           {"meta", read_meta},
                                           {"cmp", read_compare},
                                           {"range", read_range},
                                           {"bitwise", read_bitwise},
                                           {"immediate", read_immediate},
                                           {"lookup", read_lookup},
                                           {"dynset", read_update},
                                           {"dup", read_dup},
                                           {"queue", read_queue}}};

}  // namespace

Expression from_nftnl(const nftnl_expr* expression) {
  const std::string_view name = nftnl_expr_get_str(expression, NFTNL_EXPR_NAME);
  for (const Reader& reader : kReaders) {
    if (reader.name == name) return reader.read(expression);
  }
  return Foreign{std::string(name)};
}

}  // namespace tenet::device::nft
