// Expressions as values <-> libnftnl's.
#pragma once

#include "device-agent/datapath/linux/program/expression.h"

struct nftnl_expr;

namespace tenet::device::nft {

// The caller owns the result.
nftnl_expr* to_nftnl(const Expression& expression);
// What we never write comes back as Foreign.
Expression from_nftnl(const nftnl_expr* expression);

// The kernel's number of a verdict, and back; unknown ones are nothing.
std::int32_t verdict_number(VerdictCode code);
std::optional<VerdictCode> verdict_code(std::int32_t number);

}  // namespace tenet::device::nft
