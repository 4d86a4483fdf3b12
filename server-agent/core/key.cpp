#include "server-agent/core/key.h"

namespace tenet::server {

std::string key_text(const Key& key) {
  return key.second.empty() ? "network " + key.first.text()
                            : "vm " + key.first.text() + "/" + key.second;
}

Key key_of(const Operation& operation) {
  Key key{operation_vnid(operation), {}};
  if (const auto* associate = std::get_if<Associate>(&operation)) key.second = associate->vm->id;
  if (const auto* dissociate = std::get_if<Dissociate>(&operation)) key.second = dissociate->vm;
  return key;
}

}  // namespace tenet::server
