#include "device-agent/datapath/linux/kernel/nft_expression_writer.h"

#include <libnftnl/expr.h>
#include <linux/netfilter/nf_tables.h>

#include <new>

#include "device-agent/datapath/linux/kernel/nft_numbers.h"

namespace tenet::device::nft {
namespace {

nftnl_expr* make(const char* name) {
  nftnl_expr* out = nftnl_expr_alloc(name);
  if (out == nullptr) throw std::bad_alloc();
  return out;
}

void set_bytes(nftnl_expr* e, std::uint16_t attribute, const Bytes& bytes) {
  nftnl_expr_set(e, attribute, bytes.data(), static_cast<std::uint32_t>(bytes.size()));
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
  nftnl_expr* operator()(const LoadPayload& x) const {
    nftnl_expr* e = make("payload");
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, register_number(x.reg));
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, static_cast<std::uint32_t>(x.header));
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, x.offset);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, x.length);
    return e;
  }
  nftnl_expr* operator()(const SetPayload& x) const {
    nftnl_expr* e = make("payload");
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_SREG, register_number(x.reg));
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
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, register_number(x.reg));
    return e;
  }
  nftnl_expr* operator()(const LoadExthdr& x) const {
    nftnl_expr* e = make("exthdr");
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_DREG, register_number(x.reg));
    nftnl_expr_set_u8(e, NFTNL_EXPR_EXTHDR_TYPE, x.type);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OFFSET, x.offset);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_LEN, x.length);
    nftnl_expr_set_u32(e, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
    return e;
  }
  nftnl_expr* operator()(const SetMeta& x) const {
    nftnl_expr* e = make("meta");
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, meta_number(x.key));
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, register_number(x.reg));
    return e;
  }
  nftnl_expr* operator()(const Cmp& x) const {
    nftnl_expr* e = make("cmp");
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, register_number(x.reg));
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, x.equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    set_bytes(e, NFTNL_EXPR_CMP_DATA, x.value);
    return e;
  }
  nftnl_expr* operator()(const Range& x) const {
    nftnl_expr* e = make("range");
    nftnl_expr_set_u32(e, NFTNL_EXPR_RANGE_SREG, register_number(x.reg));
    nftnl_expr_set_u32(e, NFTNL_EXPR_RANGE_OP, NFT_RANGE_EQ);
    set_bytes(e, NFTNL_EXPR_RANGE_FROM_DATA, x.first);
    set_bytes(e, NFTNL_EXPR_RANGE_TO_DATA, x.last);
    return e;
  }
  nftnl_expr* operator()(const Bitwise& x) const {
    nftnl_expr* e = make("bitwise");
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, register_number(x.reg));
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, register_number(x.reg));
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, static_cast<std::uint32_t>(x.mask.size()));
    set_bytes(e, NFTNL_EXPR_BITWISE_MASK, x.mask);
    set_bytes(e, NFTNL_EXPR_BITWISE_XOR, x.xor_);
    return e;
  }
  nftnl_expr* operator()(const Immediate& x) const {
    nftnl_expr* e = make("immediate");
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, register_number(x.reg));
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
    nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, register_number(x.key));
    nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, x.set.c_str());
    if (x.verdict) nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
    if (x.result) nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, register_number(*x.result));
    if (x.invert) nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    return e;
  }
  nftnl_expr* operator()(const Dynset& x) const {
    nftnl_expr* e = make("dynset");
    nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, x.set.c_str());
    nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, dynset_number(x.op));
    nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, register_number(x.key));
    if (x.value) nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_DATA, register_number(*x.value));
    if (x.timeout_ms != 0) nftnl_expr_set_u64(e, NFTNL_EXPR_DYNSET_TIMEOUT, x.timeout_ms);
    if (x.limit) nftnl_expr_add_expr(e, NFTNL_EXPR_DYNSET_EXPRESSIONS, limit_expression(*x.limit));
    return e;
  }
  nftnl_expr* operator()(const Dup& x) const {
    nftnl_expr* e = make("dup");
    nftnl_expr_set_u32(e, NFTNL_EXPR_DUP_SREG_DEV, register_number(x.reg));
    return e;
  }
  nftnl_expr* operator()(const Queue& x) const {
    nftnl_expr* e = make("queue");
    nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_NUM, x.number);
    nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_TOTAL, 1);
    nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_FLAGS, x.bypass ? NFT_QUEUE_FLAG_BYPASS : 0);
    return e;
  }
  nftnl_expr* operator()(const Unknown& x) const { return make(x.name.c_str()); }
};

}  // namespace

nftnl_expr* to_nftnl(const Expression& expression) {
  return std::visit(Writer{}, expression);
}

}  // namespace tenet::device::nft
