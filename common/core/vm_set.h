// VMs, or what belongs to a VM, by its identifier. The VM alone stores that: with a million of them
// a copy in each place counts.
#pragma once

#include <cstddef>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "common/core/vm.h"

namespace tenet {

inline const VmId& vm_id(const VmPtr& vm) {
  return vm->id;
}

// Precondition: there is a vm_id(const T&).
template <class T>
class VmSet {
  struct ById {
    using is_transparent = void;
    bool operator()(const T& a, const T& b) const { return vm_id(a) < vm_id(b); }
    bool operator()(const T& a, std::string_view b) const { return vm_id(a) < b; }
    bool operator()(std::string_view a, const T& b) const { return a < vm_id(b); }
  };
  using Values = std::set<T, ById>;

 public:
  using const_iterator = typename Values::const_iterator;

  // In the order of their identifiers.
  const_iterator begin() const { return values_.begin(); }
  const_iterator end() const { return values_.end(); }
  std::size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  bool contains(std::string_view id) const { return values_.contains(id); }
  // nullptr: there is none.
  const T* find(std::string_view id) const {
    const auto found = values_.find(id);
    return found == values_.end() ? nullptr : &*found;
  }
  // Throws std::out_of_range if there is none.
  const T& at(std::string_view id) const {
    const T* found = find(id);
    if (found == nullptr) throw std::out_of_range("no such VM");
    return *found;
  }
  // Replaces the one with its identifier, if there is one.
  const T& put(T value) {
    // In order, as a store returns them, each is added at the end.
    if (values_.empty() || vm_id(*values_.rbegin()) < vm_id(value)) {
      return *values_.insert(values_.end(), std::move(value));
    }
    const auto next = values_.lower_bound(vm_id(value));
    if (next == values_.end() || vm_id(value) < vm_id(*next)) {
      return *values_.insert(next, std::move(value));
    }
    auto node = values_.extract(next);
    node.value() = std::move(value);
    return *values_.insert(std::move(node)).position;
  }
  // Whether it was there.
  bool erase(std::string_view id) {
    const auto found = values_.find(id);
    if (found == values_.end()) return false;
    values_.erase(found);
    return true;
  }

 private:
  Values values_;
};

}  // namespace tenet
