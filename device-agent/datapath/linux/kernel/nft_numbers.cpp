#include "device-agent/datapath/linux/kernel/nft_numbers.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <utility>

namespace tenet::device::nft {
namespace {

constexpr std::array<std::pair<VerdictCode, std::int32_t>, 5> kVerdicts{
    {{VerdictCode::drop, NF_DROP},
     {VerdictCode::accept, NF_ACCEPT},
     {VerdictCode::jump, NFT_JUMP},
     {VerdictCode::goto_, NFT_GOTO},
     {VerdictCode::return_, NFT_RETURN}}};

constexpr std::array<std::pair<MetaKey, std::uint32_t>, 7> kMetaKeys{
    {{MetaKey::iifname, NFT_META_IIFNAME},
     {MetaKey::oifname, NFT_META_OIFNAME},
     {MetaKey::iifgroup, NFT_META_IIFGROUP},
     {MetaKey::ethertype, NFT_META_PROTOCOL},
     {MetaKey::l4proto, NFT_META_L4PROTO},
     {MetaKey::priority, NFT_META_PRIORITY},
     {MetaKey::mark, NFT_META_MARK}}};

constexpr std::array<std::pair<DynsetOp, std::uint32_t>, 3> kDynsetOps{
    {{DynsetOp::add, NFT_DYNSET_OP_ADD},
     {DynsetOp::update, NFT_DYNSET_OP_UPDATE},
     {DynsetOp::remove, NFT_DYNSET_OP_DELETE}}};

// Both directions of a table of pairs. Precondition of number_in(): the table has the value.
template <class Table, class Value>
auto number_in(const Table& table, Value value) {
  return std::find_if(table.begin(), table.end(), [&](auto& row) { return row.first == value; })
      ->second;
}

template <class Value, class Number, std::size_t Size>
std::optional<Value> value_in(const std::array<std::pair<Value, Number>, Size>& table,
                              Number number) {
  const auto row =
      std::find_if(table.begin(), table.end(), [&](auto& r) { return r.second == number; });
  return row == table.end() ? std::nullopt : std::optional(row->first);
}

}  // namespace

std::uint16_t family_number(TableFamily family) {
  switch (family) {
    case TableFamily::bridge:
      return NFPROTO_BRIDGE;
    case TableFamily::netdev:
      return NFPROTO_NETDEV;
    case TableFamily::inet:
      return NFPROTO_INET;
    default:
      return NFPROTO_ARP;
  }
}

// The kernel names every fourth 32-bit register after the 128-bit register that it begins.
std::uint32_t register_number(Register reg) {
  return reg % 4 == 0 ? NFT_REG_1 + reg / 4U : NFT_REG32_00 + reg;
}

Register register_of(std::uint32_t number) {
  return static_cast<Register>(number >= NFT_REG32_00 ? number - NFT_REG32_00
                                                      : (number - NFT_REG_1) * 4);
}

std::int32_t verdict_number(VerdictCode code) {
  return number_in(kVerdicts, code);
}

std::optional<VerdictCode> verdict_code(std::int32_t number) {
  return value_in(kVerdicts, number);
}

std::uint32_t meta_number(MetaKey key) {
  return number_in(kMetaKeys, key);
}

std::optional<MetaKey> meta_key(std::uint32_t number) {
  return value_in(kMetaKeys, number);
}

std::uint32_t dynset_number(DynsetOp op) {
  return number_in(kDynsetOps, op);
}

std::optional<DynsetOp> dynset_op(std::uint32_t number) {
  return value_in(kDynsetOps, number);
}

}  // namespace tenet::device::nft
