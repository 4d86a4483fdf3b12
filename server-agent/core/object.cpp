#include "server-agent/core/object.h"

#include "common/core/overloaded.h"

namespace tenet::server {

std::string object_text(const MemberKey& key) {
  return key.vm.empty() ? "network " + key.vnid.text() : "vm " + text(key);
}

MemberKey key_of(const Operation& operation) {
  return std::visit(Overloaded{
                        [](const PolicySync& o) { return MemberKey{o.policy->vnid()}; },
                        [](const PolicyUpdate& o) { return MemberKey{o.policy->vnid()}; },
                        [](const PolicyWithdraw& o) { return MemberKey{o.vnid}; },
                        [](const Associate& o) {
                          return MemberKey{o.vnid, o.vm->id};
                        },
                        [](const Dissociate& o) {
                          return MemberKey{o.vnid, o.vm};
                        },
                    },
                    operation);
}

bool is_removal(const Operation& operation) {
  return std::visit(Overloaded{
                        [](const PolicySync&) { return false; },
                        [](const PolicyUpdate&) { return false; },
                        [](const PolicyWithdraw&) { return true; },
                        [](const Associate&) { return false; },
                        [](const Dissociate&) { return true; },
                    },
                    operation);
}

}  // namespace tenet::server
