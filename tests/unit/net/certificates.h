// Certificates made at test time: a CA, and what it issues.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <string>

namespace tenet::net {

struct OpenSslDeleter {
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(X509* p) const { X509_free(p); }
};

struct Certificate {
  std::unique_ptr<EVP_PKEY, OpenSslDeleter> key;
  std::unique_ptr<X509, OpenSslDeleter> x509;
};

// A certificate for `name`, with `san` ("DNS:example.org") if that is not empty, valid from one
// day ago for `days` days, signed by `issuer`, or by itself as a CA if there is none.
inline Certificate make_certificate(const std::string& name, const std::string& san, int days,
                                    const Certificate* issuer) {
  static long serial = 0;
  Certificate out;
  out.key.reset(EVP_EC_gen("P-256"));
  out.x509.reset(X509_new());
  X509* x = out.x509.get();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(x), -86'400L * 2);
  X509_gmtime_adj(X509_getm_notAfter(x), 86'400L * (days - 1));
  X509_set_pubkey(x, out.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  const Certificate& signer = issuer != nullptr ? *issuer : out;
  X509_set_issuer_name(x, X509_get_subject_name(signer.x509.get()));
  const auto extend = [&](int nid, const std::string& value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, signer.x509.get(), x, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &ctx, nid, value.c_str());
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, issuer != nullptr ? "critical,CA:FALSE" : "critical,CA:TRUE");
  if (!san.empty()) extend(NID_subject_alt_name, san);
  X509_sign(x, signer.key.get(), EVP_sha256());
  return out;
}

inline void write_pem(const std::string& path, const Certificate& certificate, bool with_key) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  PEM_write_X509(file, certificate.x509.get());
  if (with_key) {
    PEM_write_PrivateKey(file, certificate.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  }
  std::fclose(file);
}

}  // namespace tenet::net
