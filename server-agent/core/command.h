// What is asked of a server agent, as values.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/core/peer_id.h"
#include "common/core/policy.h"
#include "common/core/vm.h"
#include "server-agent/core/device_set.h"

namespace tenet::server {

// `devices` empty: those of the network, or of the configuration.
struct CreateNetwork {
  PolicyPtr policy;
  std::set<DeviceName> devices = {};
};
struct ChangePolicy {
  PolicyPtr policy;
};
struct DeleteNetwork {
  Vnid vnid;
};
struct CreateVm {
  Vnid vnid;
  Vm vm;
  std::set<DeviceName> devices = {};
};
struct ActivateVm {
  Vnid vnid;
  VmId vm;
  PolicyPtr policy = nullptr;  // replaces the network's, with the association
};
// Also the first half of a migration: migrate-out.
struct RemoveVm {
  Vnid vnid;
  VmId vm;
};
// The second half of a migration (EP 2728470, steps 702 to 707).
struct MigrateIn {
  Vnid vnid;
  VmId vm;
  std::optional<Mac> mac = {};  // absent: the source is asked
  std::vector<IpAddress> addresses = {};
  std::string port = {};
  std::set<DeviceName> devices = {};
  VmState state = VmState::associated;
  bool reserve = false;
  std::optional<PeerId> from = {};  // the server that the VM leaves
  PolicyPtr policy = nullptr;       // absent, and no such network here: the source is asked
};
struct Resync {
  std::set<DeviceName> devices = {};
};
using Command = std::variant<CreateNetwork, ChangePolicy, DeleteNetwork, CreateVm, ActivateVm,
                             RemoveVm, MigrateIn, Resync>;

}  // namespace tenet::server
