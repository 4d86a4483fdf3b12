// Names of agents as operators write them: JIDs, or the short names of [agents].
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/core/error.h"
#include "common/xmpp/jid.h"

namespace tenet::console {

enum class AgentKind { server, device };

// The resource that agents of that kind have unless configured otherwise.
std::string default_resource(AgentKind kind);

class AddressBook {
 public:
  AddressBook() = default;
  explicit AddressBook(std::map<std::string, xmpp::Jid, std::less<>> names)
      : names_(std::move(names)) {}

  // The JID as written, which may lack the resource. A short name comes first; a JID has an @.
  // Errors: configuration, naming the short names that are known.
  Result<xmpp::Jid> find(std::string_view name) const;
  // The same, with the default resource of that kind where there is none.
  Result<xmpp::Jid> find(std::string_view name, AgentKind kind) const;

 private:
  std::map<std::string, xmpp::Jid, std::less<>> names_;
};

}  // namespace tenet::console
