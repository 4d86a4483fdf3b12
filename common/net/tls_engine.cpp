#include "common/net/tls_engine.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <asio/ip/address.hpp>
#include <system_error>

namespace tenet::net {
namespace {

struct Deleter {
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
  void operator()(SSL* p) const { SSL_free(p); }
};

// The oldest entry of OpenSSL's error queue as text; empties the queue.
std::string openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no further reason given";
  if (ERR_SYSTEM_ERROR(code)) return std::generic_category().message(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "OpenSSL error " + std::to_string(code);
}

bool is_address(const std::string& text) {
  asio::error_code error;
  asio::ip::make_address(text, error);
  return !error;
}

Result<void> load_files(SSL_CTX* ctx, const TlsOptions& options) {
  const auto unusable = [](const char* what, const std::string& file) {
    return fail(Code::configuration,
                std::string("cannot use the ") + what + " '" + file + "': " + openssl_error(),
                {.entry = file});
  };
  if (options.ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(ctx) != 1) {
      return fail(Code::configuration, "cannot use the system's trust store: " + openssl_error());
    }
  } else if (SSL_CTX_load_verify_file(ctx, options.ca_file.c_str()) != 1) {
    return unusable("CA file", options.ca_file);
  }
  if (options.certificate_file.empty()) return {};
  const std::string& key = options.key_file.empty() ? options.certificate_file : options.key_file;
  if (SSL_CTX_use_certificate_chain_file(ctx, options.certificate_file.c_str()) != 1) {
    return unusable("client certificate", options.certificate_file);
  }
  // Refuses a key that does not belong to the certificate as well.
  if (SSL_CTX_use_PrivateKey_file(ctx, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return unusable("client key", key);
  }
  return {};
}

}  // namespace

struct TlsEngine::Impl {
  std::string domain;
  std::string ca_file;
  std::unique_ptr<SSL_CTX, Deleter> ctx;
  std::unique_ptr<SSL, Deleter> ssl;
  BIO* in = nullptr;  // owned by ssl
  BIO* out = nullptr;

  Error failure(int ret) const;
  Error verification_failure(long verdict) const;
};

Error TlsEngine::Impl::verification_failure(long verdict) const {
  const std::string trust =
      ca_file.empty() ? "the system's trust store" : "the CA file '" + ca_file + "'";
  std::string hint;
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      hint = "it is not for " + domain + ": give the broker a certificate with " + domain +
             " among its subjectAltName entries";
      break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      hint = "it has expired: renew it";
      break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      hint = "it is not valid yet: check this machine's clock";
      break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      hint = "its issuer is not in " + trust +
             ": configure the CA that issued it, and let the "
             "broker send its intermediate certificates";
      break;
    default:
      hint = "check it against " + trust;
  }
  return {Code::configuration,
          "the certificate of the broker for " + domain + " is not acceptable (" +
              X509_verify_cert_error_string(verdict) + "); " + hint,
          {.entry = domain}};
}

// What a failed SSL call means; to be called right after it.
Error TlsEngine::Impl::failure(int ret) const {
  const int kind = SSL_get_error(ssl.get(), ret);
  const long verdict = SSL_get_verify_result(ssl.get());
  if (!SSL_is_init_finished(ssl.get()) && verdict != X509_V_OK) {
    ERR_clear_error();
    return verification_failure(verdict);
  }
  if (kind == SSL_ERROR_ZERO_RETURN) {
    return {Code::unreachable, "the broker for " + domain + " ended TLS", {}};
  }
  return {
      Code::unreachable, "TLS with the broker for " + domain + " failed: " + openssl_error(), {}};
}

TlsEngine::TlsEngine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsEngine::~TlsEngine() = default;

Result<std::unique_ptr<TlsEngine>> TlsEngine::create(const TlsOptions& options) {
  ERR_clear_error();
  auto impl = std::make_unique<Impl>();
  impl->domain = options.domain;
  impl->ca_file = options.ca_file;
  impl->ctx.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* ctx = impl->ctx.get();
  if (ctx == nullptr || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM") != 1) {
    return fail(Code::io, "cannot set up TLS: " + openssl_error());
  }
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  if (auto loaded = load_files(ctx, options); !loaded) return fail(loaded.error());

  impl->ssl.reset(SSL_new(ctx));
  SSL* ssl = impl->ssl.get();
  impl->in = BIO_new(BIO_s_mem());
  impl->out = BIO_new(BIO_s_mem());
  if (ssl == nullptr || impl->in == nullptr || impl->out == nullptr) {
    BIO_free(impl->in);
    BIO_free(impl->out);
    return fail(Code::io, "cannot set up TLS: " + openssl_error());
  }
  SSL_set_bio(ssl, impl->in, impl->out);
  SSL_set_connect_state(ssl);

  X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(
      param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const char* domain = options.domain.c_str();
  bool ok = false;
  if (is_address(options.domain)) {  // no SNI for addresses (RFC 6066 section 3)
    ok = X509_VERIFY_PARAM_set1_ip_asc(param, domain) == 1;
  } else {
    ok = !options.domain.empty() && X509_VERIFY_PARAM_set1_host(param, domain, 0) == 1 &&
         SSL_set_tlsext_host_name(ssl, domain) == 1;
  }
  if (ok && options.alpn) {
    constexpr std::string_view kAlpn = "\x0bxmpp-client";
    ok = SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(kAlpn.data()),
                             static_cast<unsigned>(kAlpn.size())) == 0;
  }
  if (!ok) return fail(Code::io, "cannot set up TLS for '" + options.domain + "'");
  return std::unique_ptr<TlsEngine>(new TlsEngine(std::move(impl)));
}

Result<void> TlsEngine::start() {
  std::string none;
  return feed({}, none);
}

Result<void> TlsEngine::feed(std::string_view ciphertext, std::string& plaintext) {
  ERR_clear_error();
  SSL* ssl = impl_->ssl.get();
  if (!ciphertext.empty() &&
      BIO_write(impl_->in, ciphertext.data(), static_cast<int>(ciphertext.size())) <= 0) {
    return fail(Code::io, "out of memory for TLS");
  }
  if (!SSL_is_init_finished(ssl)) {
    const int ret = SSL_do_handshake(ssl);
    if (ret != 1) {
      if (SSL_get_error(ssl, ret) == SSL_ERROR_WANT_READ) return {};
      return fail(impl_->failure(ret));
    }
  }
  std::array<char, 16384> buffer{};
  for (;;) {
    const int ret = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
    if (ret > 0) {
      plaintext.append(buffer.data(), static_cast<std::size_t>(ret));
    } else if (SSL_get_error(ssl, ret) == SSL_ERROR_WANT_READ) {
      return {};
    } else {
      return fail(impl_->failure(ret));
    }
  }
}

Result<void> TlsEngine::write(std::string_view plaintext) {
  if (plaintext.empty()) return {};
  if (!established()) return fail(Code::unreachable, "TLS is not established");
  ERR_clear_error();
  const int ret = SSL_write(impl_->ssl.get(), plaintext.data(), static_cast<int>(plaintext.size()));
  if (ret <= 0) return fail(impl_->failure(ret));
  return {};
}

std::string TlsEngine::take_output() {
  std::string out(BIO_ctrl_pending(impl_->out), '\0');
  if (!out.empty()) BIO_read(impl_->out, out.data(), static_cast<int>(out.size()));
  return out;
}

bool TlsEngine::established() const {
  return SSL_is_init_finished(impl_->ssl.get()) == 1;
}

std::string TlsEngine::version() const {
  return established() ? SSL_get_version(impl_->ssl.get()) : "";
}

std::string TlsEngine::tls_unique() const {
  SSL* ssl = impl_->ssl.get();
  if (!established() || SSL_version(ssl) != TLS1_2_VERSION || SSL_get_extms_support(ssl) != 1 ||
      SSL_session_reused(ssl) == 1) {
    return {};
  }
  std::array<char, EVP_MAX_MD_SIZE> finished{};
  const std::size_t size = SSL_get_finished(ssl, finished.data(), finished.size());
  return {finished.data(), std::min(size, finished.size())};
}

}  // namespace tenet::net
