#include "console/address_book.h"

#include "common/core/text.h"

namespace tenet::console {

std::string default_resource(AgentKind kind) {
  return kind == AgentKind::server ? "server-agent" : "device-agent";
}

Result<xmpp::Jid> AddressBook::find(std::string_view name) const {
  const auto known = names_.find(name);
  if (known != names_.end()) return known->second;
  if (name.find('@') != std::string_view::npos) {
    auto jid = xmpp::Jid::parse(name);
    if (!jid) return fail(Code::configuration, jid.error().text);
    return jid;
  }
  std::vector<std::string> names;
  for (const auto& [short_name, jid] : names_) names.push_back(short_name);
  return fail(Code::configuration,
              "there is no agent '" + std::string(name) + "' in [agents] of the configuration" +
                  (names.empty() ? "" : " (known are " + join(names, ", ") + ")") +
                  "; add it there, or write a JID like " +
                  (name.empty() ? "server1" : std::string(name)) + "@example.org",
              {.entry = std::string(name)});
}

Result<xmpp::Jid> AddressBook::find(std::string_view name, AgentKind kind) const {
  auto jid = find(name);
  if (jid && jid->is_bare()) return jid->with_resource(default_resource(kind));
  return jid;
}

}  // namespace tenet::console
