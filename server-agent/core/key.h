// What a server and a device agree about one by one: the policy of a VNID, or a VM.
#pragma once

#include <string>
#include <utility>

#include "common/core/operation.h"

namespace tenet::server {

// A VNID's policy (with an empty VM), or a VM.
using Key = std::pair<Vnid, VmId>;

// "network 4096", "vm 4096/web-1".
std::string key_text(const Key& key);
Key key_of(const Operation& operation);

}  // namespace tenet::server
