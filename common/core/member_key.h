// A VM by its place: identifiers are unique in their VNID. With an empty VM, the VNID's policy.
#pragma once

#include <compare>
#include <string>

#include "common/core/vm.h"
#include "common/core/vnid.h"

namespace tenet {

struct MemberKey {
  Vnid vnid;
  VmId vm = {};
  auto operator<=>(const MemberKey&) const = default;
};

inline std::string text(const MemberKey& key) {  // "4096/web-1"
  return key.vnid.text() + "/" + key.vm;
}

}  // namespace tenet
