// An XMPP address (RFC 7622), as much of it as Tenet needs: ASCII case folding of local part and
// domain, no PRECIS profile. Addresses in configuration and from the broker compare equal after it.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "common/core/error.h"

namespace tenet {

class Jid {
 public:
  Jid() = default;
  // `local@domain/resource`, local part and resource optional. Errors: invalid, naming the text,
  // if a part is empty, longer than 1023 bytes, or holds a character RFC 7622 forbids there.
  static Result<Jid> parse(std::string_view text);

  const std::string& local() const { return local_; }
  const std::string& domain() const { return domain_; }
  const std::string& resource() const { return resource_; }
  bool empty() const { return domain_.empty(); }
  bool is_bare() const { return resource_.empty(); }
  Jid bare() const;
  Jid with_resource(std::string resource) const;
  std::string text() const;

  auto operator<=>(const Jid&) const = default;

 private:
  std::string local_;
  std::string domain_;
  std::string resource_;
};

}  // namespace tenet
