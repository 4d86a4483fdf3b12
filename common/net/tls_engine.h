// The client side of TLS between two memory buffers: ciphertext in and out on one side, plaintext
// on the other. Knows nothing of sockets, XMPP streams or gloox.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/core/error.h"

namespace tenet::net {

struct TlsOptions {
  std::string domain = {};   // of the JID: sent as SNI, and what the certificate must be for
  std::string ca_file = {};  // PEM; empty: the system's trust store
  std::string certificate_file = {};  // PEM chain for SASL EXTERNAL; empty: none
  std::string key_file = {};          // PEM; empty: in certificate_file
  bool alpn = false;                  // offer "xmpp-client" (XEP-0368 section 2): direct TLS only
};

// One connection: TLS 1.2 or 1.3 with forward secrecy and AEAD ciphers (RFC 9325), the broker's
// chain and name verified. The name must stand among the certificate's subjectAltName entries
// (RFC 6125 section 6.4, RFC 9525 section 6); the common name is not looked at.
class TlsEngine {
 public:
  // Errors: configuration, naming the file that cannot be used.
  static Result<std::unique_ptr<TlsEngine>> create(const TlsOptions& options);
  ~TlsEngine();
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;

  // Begins the handshake: the first flight is then in take_output().
  Result<void> start();
  // Takes ciphertext from the broker, in any portions, and appends what it decrypts to `plaintext`.
  // Afterwards there may be output to send, after an error too (the alert). Errors: configuration
  // for a certificate that is not acceptable, saying why and what to do; unreachable for any other
  // failure of TLS, and for its end by the broker.
  Result<void> feed(std::string_view ciphertext, std::string& plaintext);
  // Encrypts into take_output(). Errors: unreachable, also before established().
  Result<void> write(std::string_view plaintext);
  // Ciphertext to send to the broker; leaves nothing behind.
  std::string take_output();

  bool established() const;
  // "TLSv1.3"; empty before established().
  std::string version() const;
  // The tls-unique channel binding (RFC 5929 section 3): the client's first Finished message.
  // Empty where it does not exist or is not safe: TLS 1.3, no extended master secret (RFC 7627),
  // or not established.
  std::string tls_unique() const;

 private:
  struct Impl;
  explicit TlsEngine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tenet::net
