// STARTTLS for gloox on our TlsEngine. gloox's own is GnuTLS without TLS 1.3, SNI or verification.
// Private to this folder.
#pragma once

#include <gloox/tlsbase.h>

#include <functional>
#include <memory>
#include <string>

#include "common/net/tls_engine.h"

namespace tenet::xmpp {

class GlooxTls : public gloox::TLSBase {
 public:
  // `failed` learns the reason when TLS breaks; before the handshake's end gloox is notified too,
  // later it cannot be, and `failed` has to see to the disconnect.
  GlooxTls(gloox::TLSHandler* handler, std::unique_ptr<net::TlsEngine> engine,
           std::function<void(const Error&)> failed);

  bool handshake() override;
  bool encrypt(const std::string& data) override;
  int decrypt(const std::string& data) override;
  void cleanup() override;
  // SCRAM-SHA-1-PLUS by tls-unique, the only binding gloox knows: TLS 1.2 (RFC 5802, RFC 5929).
  bool hasChannelBinding() const override;
  const std::string channelBinding() const override;

  // Configured through TlsOptions instead; gloox never calls init().
  bool init(const std::string&, const std::string&, const gloox::StringList&) override {
    return true;
  }
  void setCACerts(const gloox::StringList&) override {}
  void setClientCert(const std::string&, const std::string&) override {}

 private:
  void flush();
  void fail_with(const Error& why);

  // One handshake only. Unlike gloox, which reuses the object, we make one per connection.
  std::unique_ptr<net::TlsEngine> engine_;
  std::function<void(const Error&)> failed_;
  bool active_ = false;
};

}  // namespace tenet::xmpp
