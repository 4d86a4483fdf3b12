// An XMPP address (RFC 7622), as much of it as Tenet needs: ASCII case folding of local part and
// domain, no PRECIS profile. Addresses in configuration and from the broker compare equal after it.
#pragma once

#include <compare>
#include <memory>
#include <string>
#include <string_view>

#include "common/core/error.h"
#include "common/core/peer_id.h"

namespace tenet::xmpp {

class Jid {
 public:
  Jid() = default;
  // `local@domain/resource`, local part and resource optional. Errors: invalid, naming the text,
  // if a part is empty, longer than 1023 bytes, or holds a character RFC 7622 forbids there.
  static Result<Jid> parse(std::string_view text);

  const std::string& local() const { return parts().local; }
  const std::string& domain() const { return parts().domain; }
  const std::string& resource() const { return parts().resource; }
  bool empty() const { return domain().empty(); }
  bool is_bare() const { return resource().empty(); }
  Jid bare() const;
  Jid with_resource(std::string resource) const;
  std::string text() const;

  bool operator==(const Jid& other) const {
    return parts_ == other.parts_ || parts() == other.parts();
  }
  std::strong_ordering operator<=>(const Jid& other) const {
    return parts_ == other.parts_ ? std::strong_ordering::equal : parts() <=> other.parts();
  }

 private:
  struct Parts {
    std::string local;
    std::string domain;
    std::string resource;
    auto operator<=>(const Parts&) const = default;
  };
  const Parts& parts() const;

  std::shared_ptr<const Parts> parts_;  // copies share them; nullptr: all are empty
};

// The peer with that address, and the account that it belongs to.
PeerId peer_id(const Jid& jid);
PeerId account_id(const Jid& jid);
// The same of a text. Errors: as Jid::parse.
Result<PeerId> parse_peer(std::string_view text);
Result<PeerId> parse_account(std::string_view text);

}  // namespace tenet::xmpp
