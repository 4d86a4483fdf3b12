#include "common/net/tls_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/unit/net/certificates.h"

namespace tenet::net {
namespace {

using testing::HasSubstr;

// A TLS server of OpenSSL between two memory buffers.
class Server {
 public:
  Server(const Certificate& certificate, int min_version, int max_version,
         const char* client_ca = nullptr)
      : ctx_(SSL_CTX_new(TLS_server_method())) {
    SSL_CTX_set_security_level(ctx_, 0);  // or TLS 1.1 could not be offered at all
    SSL_CTX_set_min_proto_version(ctx_, min_version);
    SSL_CTX_set_max_proto_version(ctx_, max_version);
    SSL_CTX_use_certificate(ctx_, certificate.x509.get());
    SSL_CTX_use_PrivateKey(ctx_, certificate.key.get());
    SSL_CTX_set_alpn_select_cb(ctx_, select_alpn, this);
    if (client_ca != nullptr) {
      SSL_CTX_load_verify_file(ctx_, client_ca);
      SSL_CTX_set_verify(ctx_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    ssl_ = SSL_new(ctx_);
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl_);
  }
  ~Server() {
    SSL_free(ssl_);
    SSL_CTX_free(ctx_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void feed(const std::string& ciphertext) {
    BIO_write(SSL_get_rbio(ssl_), ciphertext.data(), static_cast<int>(ciphertext.size()));
    if (SSL_do_handshake(ssl_) != 1) return;
    std::array<char, 4096> buffer{};
    for (int n = 0; (n = SSL_read(ssl_, buffer.data(), buffer.size())) > 0;) {
      heard.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }
  std::string take_output() {
    std::string out(BIO_ctrl_pending(SSL_get_wbio(ssl_)), '\0');
    BIO_read(SSL_get_wbio(ssl_), out.data(), static_cast<int>(out.size()));
    return out;
  }
  void write(const std::string& text) {
    SSL_write(ssl_, text.data(), static_cast<int>(text.size()));
  }
  void end() { SSL_shutdown(ssl_); }
  std::string server_name() const {
    const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
    return name != nullptr ? name : "";
  }
  std::string client_finished() const {
    std::array<char, 64> out{};
    return {out.data(), SSL_get_peer_finished(ssl_, out.data(), out.size())};
  }

  std::string heard;
  std::string alpn;

 private:
  static int select_alpn(SSL*, const unsigned char** out, unsigned char* size,
                         const unsigned char* in, unsigned, void* self) {
    static_cast<Server*>(self)->alpn.assign(reinterpret_cast<const char*>(in + 1), in[0]);
    *out = in + 1;
    *size = in[0];
    return SSL_TLSEXT_ERR_OK;
  }
  SSL_CTX* ctx_;
  SSL* ssl_ = nullptr;
};

class TlsEngineTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "tenet-tls-" + std::to_string(getpid());
    std::filesystem::create_directories(folder_);
    ca_file_ = folder_ + "/ca.pem";
    write_pem(ca_file_, ca_, false);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<TlsEngine> engine(bool alpn = false) {
    return TlsEngine::create({.domain = "example.org", .ca_file = ca_file_, .alpn = alpn}).value();
  }
  // Moves bytes, `piece` at a time, until nothing moves or the engine fails.
  static Result<void> talk(TlsEngine& engine, Server& server, std::string& plaintext,
                           std::size_t piece = 100'000) {
    for (;;) {
      const std::string out = engine.take_output();
      server.feed(out);
      const std::string in = server.take_output();
      if (out.empty() && in.empty()) return {};
      for (std::size_t at = 0; at < in.size(); at += piece) {
        auto fed = engine.feed(std::string_view(in).substr(at, piece), plaintext);
        if (!fed) return fed;
      }
    }
  }
  Result<void> handshake(TlsEngine& engine, Server& server) {
    if (auto started = engine.start(); !started) return started;
    return talk(engine, server, plaintext_);
  }
  Error refusal(const Certificate& certificate, int max_version = TLS1_3_VERSION) {
    Server server(certificate, TLS1_VERSION, max_version);
    auto client = engine();
    const auto done = handshake(*client, server);
    EXPECT_FALSE(done);
    EXPECT_FALSE(client->established());
    EXPECT_FALSE(client->write("secret"));
    return done ? Error{} : done.error();
  }

  const Certificate ca_ = make_certificate("Test CA", "", 30, nullptr);
  const Certificate good_ = make_certificate("example.org", "DNS:example.org", 30, &ca_);
  std::string folder_;
  std::string ca_file_;
  std::string plaintext_;
};

TEST_F(TlsEngineTest, TalksTls13AndTls12InAnyPortions) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Server server(good_, version, version);
    auto client = engine();
    ASSERT_TRUE(client->start());
    std::string heard;
    ASSERT_TRUE(talk(*client, server, heard, 1));
    ASSERT_TRUE(client->established());
    EXPECT_EQ(client->version(), version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
    EXPECT_EQ(server.server_name(), "example.org");
    EXPECT_EQ(server.alpn, "");
    const std::string large(100'000, 'x');
    ASSERT_TRUE(client->write(large));
    server.write("<stream>");
    ASSERT_TRUE(talk(*client, server, heard, 7));
    EXPECT_EQ(server.heard, large);
    EXPECT_EQ(heard, "<stream>");
  }
}

TEST_F(TlsEngineTest, DirectTlsOffersItsProtocol) {
  Server server(good_, TLS1_2_VERSION, TLS1_3_VERSION);
  auto client = engine(true);
  ASSERT_TRUE(handshake(*client, server));
  EXPECT_EQ(server.alpn, "xmpp-client");
}

TEST_F(TlsEngineTest, RefusesAnUnknownIssuer) {
  const Certificate other = make_certificate("Other CA", "", 30, nullptr);
  const Error error = refusal(make_certificate("example.org", "DNS:example.org", 30, &other));
  EXPECT_EQ(error.code, Code::configuration);
  EXPECT_THAT(error.text, HasSubstr("example.org"));
  EXPECT_THAT(error.text, HasSubstr(ca_file_));
}

TEST_F(TlsEngineTest, RefusesAnotherName) {
  const Error error = refusal(make_certificate("example.org", "DNS:example.com", 30, &ca_));
  EXPECT_EQ(error.code, Code::configuration);
  EXPECT_THAT(error.text, HasSubstr("not for example.org"));
}

// RFC 9525 section 6: the common name is not looked at.
TEST_F(TlsEngineTest, RefusesANameThatStandsInTheSubjectOnly) {
  EXPECT_THAT(refusal(make_certificate("example.org", "", 30, &ca_)).text,
              HasSubstr("subjectAltName"));
}

TEST_F(TlsEngineTest, RefusesAnExpiredCertificate) {
  EXPECT_THAT(refusal(make_certificate("example.org", "DNS:example.org", 0, &ca_)).text,
              HasSubstr("expired"));
}

TEST_F(TlsEngineTest, RefusesTls11) {
  EXPECT_EQ(refusal(good_, TLS1_1_VERSION).code, Code::unreachable);
}

TEST_F(TlsEngineTest, KnowsAddressesToo) {
  const Certificate address = make_certificate("x", "IP:192.0.2.1", 30, &ca_);
  for (const bool right : {true, false}) {
    Server server(address, TLS1_2_VERSION, TLS1_3_VERSION);
    auto client =
        TlsEngine::create({.domain = right ? "192.0.2.1" : "192.0.2.2", .ca_file = ca_file_})
            .value();
    EXPECT_EQ(handshake(*client, server).has_value(), right);
    EXPECT_EQ(server.server_name(), "");
  }
}

TEST_F(TlsEngineTest, ShowsItsClientCertificate) {
  const std::string file = folder_ + "/client.pem";
  write_pem(file, make_certificate("device", "", 30, &ca_), true);
  Server server(good_, TLS1_2_VERSION, TLS1_3_VERSION, ca_file_.c_str());
  auto client =
      TlsEngine::create({.domain = "example.org", .ca_file = ca_file_, .certificate_file = file});
  ASSERT_TRUE(client);
  ASSERT_TRUE(handshake(**client, server));
  server.write("x");
  ASSERT_TRUE(talk(**client, server, plaintext_));
  EXPECT_EQ(plaintext_, "x");
}

TEST_F(TlsEngineTest, NamesTheFileThatItCannotUse) {
  const std::string junk = folder_ + "/junk.pem";
  std::ofstream(junk) << "junk";
  const std::string other = folder_ + "/other.pem";
  write_pem(other, make_certificate("other", "", 30, &ca_), true);
  write_pem(folder_ + "/client.pem", make_certificate("device", "", 30, &ca_), true);
  const TlsOptions bad[] = {
      {.domain = "example.org", .ca_file = folder_ + "/none.pem"},
      {.domain = "example.org", .ca_file = junk},
      {.domain = "example.org", .ca_file = ca_file_, .certificate_file = junk},
      {.domain = "example.org",
       .ca_file = ca_file_,
       .certificate_file = folder_ + "/client.pem",
       .key_file = other},
  };
  const std::string culprits[] = {folder_ + "/none.pem", junk, junk, other};
  for (std::size_t i = 0; i < std::size(bad); ++i) {
    const auto made = TlsEngine::create(bad[i]);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::configuration);
    EXPECT_THAT(made.error().text, HasSubstr(culprits[i]));
  }
}

TEST_F(TlsEngineTest, BindsToTheChannelInTls12Only) {
  Server old(good_, TLS1_2_VERSION, TLS1_2_VERSION);
  auto client = engine();
  EXPECT_EQ(client->tls_unique(), "");
  ASSERT_TRUE(handshake(*client, old));
  EXPECT_EQ(client->tls_unique(), old.client_finished());
  EXPECT_EQ(client->tls_unique().size(), 12U);
  Server modern(good_, TLS1_3_VERSION, TLS1_3_VERSION);
  client = engine();
  ASSERT_TRUE(handshake(*client, modern));
  EXPECT_EQ(client->tls_unique(), "");
}

TEST_F(TlsEngineTest, ReportsTheEndAndGarbage) {
  Server server(good_, TLS1_2_VERSION, TLS1_3_VERSION);
  auto client = engine();
  ASSERT_TRUE(handshake(*client, server));
  server.write("last words");
  server.end();
  const auto ended = talk(*client, server, plaintext_);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::unreachable);
  EXPECT_EQ(plaintext_, "last words");
  client = engine();
  ASSERT_TRUE(client->start());
  const auto garbage = client->feed("HTTP/1.1 400 Bad Request\r\n\r\n", plaintext_);
  ASSERT_FALSE(garbage);
  EXPECT_EQ(garbage.error().code, Code::unreachable);
}

}  // namespace
}  // namespace tenet::net
