// Encodes an expression as an object of libnftnl.
#pragma once

#include "device-agent/datapath/linux/program/expression.h"

struct nftnl_expr;

namespace tenet::device::nft {

// The caller owns the result.
nftnl_expr* to_nftnl(const Expression& expression);

}  // namespace tenet::device::nft
