// The order in which to try the brokers that the DNS names.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/core/error.h"
#include "common/net/broker.h"

namespace tenet::net {

struct SrvRecord {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  std::string target;  // without the final dot; empty for ".": no such service here
  TlsMode tls = TlsMode::starttls;
};

// RFC 2782: by priority; within one, drawn at random in proportion to the weights. `below(n)` draws
// from 0 to n, both included. The two services of XEP-0368 are one list. Records with the target
// "." are left out.
std::vector<Broker> order(std::vector<SrvRecord> records,
                          const std::function<std::uint32_t(std::uint32_t)>& below);

// The brokers of `domain` with these SRV records of _xmpp-client and _xmpps-client together:
// order() of them; without records the domain itself on port 5222 (RFC 6120 section 3.2.2). Errors:
// not_found if the domain declares by "." that it has no such service (section 3.2.1 step 3).
Result<std::vector<Broker>> brokers_of(const std::string& domain, std::vector<SrvRecord> records,
                                       const std::function<std::uint32_t(std::uint32_t)>& below);

}  // namespace tenet::net
