// The difference is the protocol: what a server sends is computed from what it wants and what the
// device has acknowledged.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "common/core/operation.h"
#include "common/core/view.h"

namespace tenet::server {

// What one server wants of one device.
struct WantedVm {
  VmPtr vm;
  std::optional<PeerId> from = {};  // to be taken over from that server: sent in any case
};
struct WantedNetwork {
  PolicyPtr policy;  // nullptr: leave the policy as it is
  std::map<VmId, WantedVm, std::less<>> vms = {};
};
using Wanted = std::map<Vnid, WantedNetwork>;

// The operations that bring `acknowledged` to `wanted`, removals first, so that what they free is
// there for what follows. A device that has a newer revision keeps it: another server sent it.
std::vector<Operation> plan(const Wanted& wanted, const DeviceView& acknowledged);

// What the device has after it answered: every operation without an error is applied, by the same
// rules as the device's own.
void acknowledge(DeviceView& acknowledged, const std::vector<Operation>& operations,
                 const std::vector<OperationResult>& results);

}  // namespace tenet::server
