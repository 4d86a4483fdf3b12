// What one server owns on one device. The server and the device keep the same structure, so that
// one digest function shows whether they agree.
#pragma once

#include <map>

#include "common/core/policy.h"
#include "common/core/vm_set.h"

namespace tenet {

// One VNID: which policy is in force, and this server's VMs.
struct NetworkView {
  PolicyStamp stamp;
  VmSet<VmPtr> vms;
};

// By VNID. An entry means that the server claims the policy of that VNID.
using DeviceView = std::map<Vnid, NetworkView>;

// By value: the VMs, not the pointers.
bool operator==(const NetworkView& a, const NetworkView& b);

}  // namespace tenet
