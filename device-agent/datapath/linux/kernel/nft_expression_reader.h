// libnftnl's object of an expression as a value.
#pragma once

#include "device-agent/datapath/linux/program/expression.h"

struct nftnl_expr;

namespace tenet::device::nft {

// What we never write comes back as Foreign.
Expression from_nftnl(const nftnl_expr* expression);

}  // namespace tenet::device::nft
