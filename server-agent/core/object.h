// What an operation is about.
#pragma once

#include <string>

#include "common/core/member_key.h"
#include "common/core/operation.h"

namespace tenet::server {

// "network 4096", "vm 4096/web-1".
std::string object_text(const MemberKey& key);
// The VM, or the VNID's policy.
MemberKey key_of(const Operation& operation);
// Whether a VM or a policy goes with it.
bool is_removal(const Operation& operation);

}  // namespace tenet::server
