// Decodes an expression from an object of libnftnl.
#pragma once

#include "device-agent/datapath/linux/program/expression.h"

struct nftnl_expr;

namespace tenet::device::nft {

// Unknown for an expression that Tenet never writes.
Expression from_nftnl(const nftnl_expr* expression);

}  // namespace tenet::device::nft
