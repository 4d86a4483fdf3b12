// The kernel's numbers (linux/netfilter/nf_tables.h) for the names in expressions and tables.
#pragma once

#include <cstdint>
#include <optional>

#include "device-agent/datapath/linux/program/expression.h"
#include "device-agent/datapath/linux/program/table.h"

namespace tenet::device::nft {

// NFPROTO_*.
std::uint16_t family_number(TableFamily family);

// NFT_REG_*.
std::uint32_t register_number(Register reg);
Register register_of(std::uint32_t number);

// NF_* and NFT_*; nothing for a number that Tenet never writes.
std::int32_t verdict_number(VerdictCode code);
std::optional<VerdictCode> verdict_code(std::int32_t number);

// NFT_META_*; nothing for a number that Tenet never writes.
std::uint32_t meta_number(MetaKey key);
std::optional<MetaKey> meta_key(std::uint32_t number);

// NFT_DYNSET_OP_*; nothing for a number that Tenet never writes.
std::uint32_t dynset_number(DynsetOp op);
std::optional<DynsetOp> dynset_op(std::uint32_t number);

}  // namespace tenet::device::nft
