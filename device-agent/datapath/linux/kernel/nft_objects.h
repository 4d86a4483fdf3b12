// Owning pointers to libnftnl's objects, for the writer and the reader of nftables.
#pragma once

#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>

#include <memory>
#include <new>

namespace tenet::device::nft {

template <class T, auto Free>
struct Deleter {
  void operator()(T* object) const { Free(object); }
};
template <class T, auto Free>
using Owner = std::unique_ptr<T, Deleter<T, Free>>;
using TablePtr = Owner<nftnl_table, nftnl_table_free>;
using ChainPtr = Owner<nftnl_chain, nftnl_chain_free>;
using RulePtr = Owner<nftnl_rule, nftnl_rule_free>;
using SetPtr = Owner<nftnl_set, nftnl_set_free>;

// Throws std::bad_alloc if libnftnl had no memory.
template <class Ptr>
Ptr own(typename Ptr::pointer object) {
  if (object == nullptr) throw std::bad_alloc();
  return Ptr(object);
}

}  // namespace tenet::device::nft
