#include "device-agent/datapath/linux/kernel/nft_expressions.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <libnftnl/expr.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

namespace tenet::device::nft {
namespace {

// The kernel calls every fourth word by the name of a 128-bit register.
std::uint32_t register_of(Slot slot) {
  return slot % 4 == 0 ? NFT_REG_1 + slot / 4U : NFT_REG32_00 + slot;
}

Slot slot_of(std::uint32_t number) {
  return static_cast<Slot>(number >= NFT_REG32_00 ? number - NFT_REG32_00
                                                  : (number - NFT_REG_1) * 4);
}

constexpr std::array<std::pair<VerdictCode, std::int32_t>, 5> kVerdicts{
    {{VerdictCode::drop, NF_DROP},
     {VerdictCode::accept, NF_ACCEPT},
     {VerdictCode::jump, NFT_JUMP},
     {VerdictCode::go_to, NFT_GOTO},
     {VerdictCode::back, NFT_RETURN}}};

constexpr std::array<std::pair<MetaKey, std::uint32_t>, 7> kMetaKeys{
    {{MetaKey::in_port, NFT_META_IIFNAME},
     {MetaKey::out_port, NFT_META_OIFNAME},
     {MetaKey::in_group, NFT_META_IIFGROUP},
     {MetaKey::ethertype, NFT_META_PROTOCOL},
     {MetaKey::protocol, NFT_META_L4PROTO},
     {MetaKey::priority, NFT_META_PRIORITY},
     {MetaKey::mark, NFT_META_MARK}}};

std::uint32_t meta_number(MetaKey key) {
  return std::find_if(kMetaKeys.begin(), kMetaKeys.end(), [&](auto& k) { return k.first == key; })
      ->second;
}

constexpr std::array<std::pair<UpdateKind, std::uint32_t>, 3> kUpdates{
    {{UpdateKind::add, NFT_DYNSET_OP_ADD},
     {UpdateKind::update, NFT_DYNSET_OP_UPDATE},
     {UpdateKind::remove, NFT_DYNSET_OP_DELETE}}};

nftnl_expr* make(const char* name) {
  nftnl_expr* out = nftnl_expr_alloc(name);
  if (out == nullptr) throw std::bad_alloc();
  return out;
}

void set_bytes(nftnl_expr* e, std::uint16_t attribute, const Bytes& bytes) {
  nftnl_expr_set(e, attribute, bytes.data(), static_cast<std::uint32_t>(bytes.size()));
}

Bytes bytes_of(const nftnl_expr* e, std::uint16_t attribute) {
  std::uint32_t size = 0;
  const auto* data = static_cast<const char*>(nftnl_expr_get(e, attribute, &size));
  return data == nullptr ? Bytes() : Bytes(data, size);
}

nftnl_expr* limit_expression(const Limit& limit) {
  nftnl_expr* e = make("limit");
  nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_RATE, limit.bytes_per_second);
  nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_UNIT, 1);
  nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_BURST, limit.burst);
  nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKT_BYTES);
  nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_FLAGS, NFT_LIMIT_F_INV);
  return e;
}

struct Writer {
  nftnl_expr* operator()(const Load& x) const {
    nftnl_expr* e = make("payload");
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, register_of(x.slot));
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, static_cast<std::uint32_t>(x.header));
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, x.offset);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, x.length);
    return e;
  }
  nftnl_expr* operator()(const Write& x) const {
    nftnl_expr* e = make("payload");
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_SREG, register_of(x.slot));
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, x.offset);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, x.length);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_CSUM_TYPE,
                       x.checksum ? NFT_PAYLOAD_CSUM_INET : NFT_PAYLOAD_CSUM_NONE);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_CSUM_OFFSET, x.checksum.value_or(0));
    return e;
  }
  nftnl_expr* operator()(const LoadMeta& x) const {
    nftnl_expr* e = make("meta");
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, meta_number(x.key));
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, register_of(x.slot));
    return e;
  }
  nftnl_expr* operator()(const LoadExtension& x) const {
    nftnl_expr* e = make("exthdr");
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_DREG, register_of(x.slot));
    nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, x.type);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, x.offset);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, x.length);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
    return e;
  }
  nftnl_expr* operator()(const SetMeta& x) const {
    nftnl_expr* e = make("meta");
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, meta_number(x.key));
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, register_of(x.slot));
    return e;
  }
  nftnl_expr* operator()(const Compare& x) const {
    nftnl_expr* e = make("cmp");
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, register_of(x.slot));
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, x.equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    set_bytes(e, NFTNL_EXPR_CMP_DATA, x.value);
    return e;
  }
  nftnl_expr* operator()(const Between& x) const {
    nftnl_expr* e = make("range");
    nftnl_expr_set_u32(e, NFTNL_EXPR_RANGE_SREG, register_of(x.slot));
    nftnl_expr_set_u32(e, NFTNL_EXPR_RANGE_OP, NFT_RANGE_EQ);
    set_bytes(e, NFTNL_EXPR_RANGE_FROM_DATA, x.first);
    set_bytes(e, NFTNL_EXPR_RANGE_TO_DATA, x.last);
    return e;
  }
  nftnl_expr* operator()(const Bitwise& x) const {
    nftnl_expr* e = make("bitwise");
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, register_of(x.slot));
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, register_of(x.slot));
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, static_cast<std::uint32_t>(x.mask.size()));
    set_bytes(e, NFTNL_EXPR_BITWISE_MASK, x.mask);
    set_bytes(e, NFTNL_EXPR_BITWISE_XOR, x.flip);
    return e;
  }
  nftnl_expr* operator()(const Constant& x) const {
    nftnl_expr* e = make("immediate");
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, register_of(x.slot));
    set_bytes(e, NFTNL_EXPR_IMM_DATA, x.value);
    return e;
  }
  nftnl_expr* operator()(const Verdict& x) const {
    nftnl_expr* e = make("immediate");
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT,
                       static_cast<std::uint32_t>(verdict_number(x.code)));
    if (!x.chain.empty()) nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, x.chain.c_str());
    return e;
  }
  nftnl_expr* operator()(const Lookup& x) const {
    nftnl_expr* e = make("lookup");
    nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, register_of(x.key));
    nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, x.set.c_str());
    if (x.verdict) nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
    if (x.result) nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, register_of(*x.result));
    if (x.absent) nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    return e;
  }
  nftnl_expr* operator()(const Update& x) const {
    nftnl_expr* e = make("dynset");
    const auto kind =
        std::find_if(kUpdates.begin(), kUpdates.end(), [&](auto& k) { return k.first == x.kind; });
    nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, x.set.c_str());
    nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, kind->second);
    nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, register_of(x.key));
    if (x.value) nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_DATA, register_of(*x.value));
    if (x.timeout_ms != 0) nftnl_expr_set_u64(e, NFTNL_EXPR_DYNSET_TIMEOUT, x.timeout_ms);
    if (x.over) nftnl_expr_add_expr(e, NFTNL_EXPR_DYNSET_EXPRESSIONS, limit_expression(*x.over));
    return e;
  }
  nftnl_expr* operator()(const Duplicate& x) const {
    nftnl_expr* e = make("dup");
    nftnl_expr_set_u32(e, NFTNL_EXPR_DUP_SREG_DEV, register_of(x.slot));
    return e;
  }
  nftnl_expr* operator()(const Queue& x) const {
    nftnl_expr* e = make("queue");
    nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_NUM, x.number);
    nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_TOTAL, 1);
    nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_FLAGS, x.bypass ? NFT_QUEUE_FLAG_BYPASS : 0);
    return e;
  }
  nftnl_expr* operator()(const Foreign& x) const { return make(x.name.c_str()); }
};

std::optional<Slot> slot_in(const nftnl_expr* e, std::uint16_t attribute) {
  if (!nftnl_expr_is_set(e, attribute)) return std::nullopt;
  return slot_of(nftnl_expr_get_u32(e, attribute));
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
  const std::uint32_t number = nftnl_expr_get_u32(e, NFTNL_EXPR_META_KEY);
  const auto key =
      std::find_if(kMetaKeys.begin(), kMetaKeys.end(), [&](auto& k) { return k.second == number; });
  if (key == kMetaKeys.end()) return Foreign{"meta"};
  if (const auto slot = slot_in(e, NFTNL_EXPR_META_DREG)) return LoadMeta{key->first, *slot};
  return SetMeta{key->first, slot_in(e, NFTNL_EXPR_META_SREG).value_or(0)};
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
    if (!out.verdict) out.result = slot_of(number);
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
  const std::uint32_t op = nftnl_expr_get_u32(e, NFTNL_EXPR_DYNSET_OP);
  const auto kind =
      std::find_if(kUpdates.begin(), kUpdates.end(), [&](auto& k) { return k.second == op; });
  if (kind == kUpdates.end()) return Foreign{"dynset"};
  Update out{kind->first, nftnl_expr_get_str(e, NFTNL_EXPR_DYNSET_SET_NAME),
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

std::int32_t verdict_number(VerdictCode code) {
  return std::find_if(kVerdicts.begin(), kVerdicts.end(), [&](auto& v) { return v.first == code; })
      ->second;
}

std::optional<VerdictCode> verdict_code(std::int32_t number) {
  const auto found =
      std::find_if(kVerdicts.begin(), kVerdicts.end(), [&](auto& v) { return v.second == number; });
  return found == kVerdicts.end() ? std::nullopt : std::optional(found->first);
}

nftnl_expr* to_nftnl(const Expression& expression) {
  return std::visit(Writer{}, expression);
}

Expression from_nftnl(const nftnl_expr* expression) {
  const std::string_view name = nftnl_expr_get_str(expression, NFTNL_EXPR_NAME);
  for (const Reader& reader : kReaders) {
    if (reader.name == name) return reader.read(expression);
  }
  return Foreign{std::string(name)};
}

}  // namespace tenet::device::nft
