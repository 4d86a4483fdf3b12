// Where a broker listens, and how TLS begins there.
#pragma once

#include <cstdint>
#include <string>

namespace tenet::net {

enum class TlsMode {
  starttls,   // RFC 6120 section 5, required: no TLS, no login
  direct,     // XEP-0368
  plaintext,  // loopback only; refused towards any other address
};

struct Broker {
  std::string host;
  std::uint16_t port = 5222;
  TlsMode tls = TlsMode::starttls;
};

}  // namespace tenet::net
