#include "common/xmpp/gloox_tls.h"

namespace tenet::xmpp {

GlooxTls::GlooxTls(gloox::TLSHandler* handler, std::unique_ptr<net::TlsEngine> engine,
                   std::function<void(const Error&)> failed)
    : gloox::TLSBase(handler, std::string()),
      engine_(std::move(engine)),
      failed_(std::move(failed)) {}

bool GlooxTls::handshake() {
  active_ = true;
  const Result<void> started = engine_->start();
  flush();
  if (!started) fail_with(started.error());
  return started.has_value();
}

bool GlooxTls::encrypt(const std::string& data) {
  if (!active_) return false;
  const Result<void> written = engine_->write(data);
  flush();
  if (!written && active_) fail_with(written.error());
  return written.has_value();
}

int GlooxTls::decrypt(const std::string& data) {
  if (!active_) return 0;
  // Each of the handler's functions may end the connection and call cleanup(), which clears
  // active_.
  std::string plaintext;
  const Result<void> fed = engine_->feed(data, plaintext);
  flush();
  if (active_ && !m_secure && engine_->established()) {
    m_secure = true;
    m_certInfo.status = gloox::CertOk;
    m_certInfo.protocol = engine_->version();
    m_handler->handleHandshakeResult(this, true, m_certInfo);
  }
  if (active_ && !plaintext.empty()) m_handler->handleDecryptedData(this, plaintext);
  if (active_ && !fed) fail_with(fed.error());
  return static_cast<int>(data.size());
}

void GlooxTls::cleanup() {
  active_ = false;
  m_secure = false;
}

bool GlooxTls::hasChannelBinding() const {
  return m_secure && !engine_->tls_unique().empty();
}

const std::string GlooxTls::channelBinding() const {
  return m_secure ? engine_->tls_unique() : std::string();
}

void GlooxTls::flush() {
  const std::string out = engine_->take_output();
  if (!out.empty()) m_handler->handleEncryptedData(this, out);
}

void GlooxTls::fail_with(const Error& why) {
  failed_(why);
  if (active_ && !m_secure) {
    m_certInfo.status = gloox::CertInvalid;
    m_handler->handleHandshakeResult(this, false, m_certInfo);
  }
}

}  // namespace tenet::xmpp
