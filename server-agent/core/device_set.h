// Devices by name. A value; many VMs are on the same few devices, and share what is equal.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <set>
#include <utility>

#include "common/core/peer_id.h"

namespace tenet::server {

using DeviceName = PeerId;

class DeviceSet {
 public:
  using Names = std::set<DeviceName>;
  using const_iterator = Names::const_iterator;

  DeviceSet() = default;
  DeviceSet(Names names)  // NOLINT(google-explicit-constructor): it is one
      : names_(names.empty() ? nullptr : std::make_shared<const Names>(std::move(names))) {}
  DeviceSet(std::initializer_list<DeviceName> names) : DeviceSet(Names(names)) {}
  operator const Names&() const {  // NOLINT(google-explicit-constructor): it is one
    static const Names kNone;
    return names_ ? *names_ : kNone;
  }

  const Names& names() const { return *this; }
  const_iterator begin() const { return names().begin(); }
  const_iterator end() const { return names().end(); }
  bool empty() const { return names_ == nullptr; }
  bool contains(const DeviceName& device) const { return names().contains(device); }
  // How many went: 0 or 1.
  std::size_t erase(const DeviceName& device) {
    if (!contains(device)) return 0;
    Names rest = names();
    rest.erase(device);
    *this = DeviceSet(std::move(rest));
    return 1;
  }

  friend bool operator==(const DeviceSet& a, const DeviceSet& b) {
    return a.names_ == b.names_ || a.names() == b.names();
  }

 private:
  std::shared_ptr<const Names> names_;  // nullptr: empty
};

}  // namespace tenet::server
