#include "console/endpoint.h"

#include <gtest/gtest.h>

namespace tenet::console {
namespace {

using net::TlsMode;

void expect(std::string_view text, const std::string& host, std::uint16_t port, TlsMode tls) {
  const auto broker = parse_broker(text);
  ASSERT_TRUE(broker) << broker.error().text;
  EXPECT_EQ(broker->host, host);
  EXPECT_EQ(broker->port, port);
  EXPECT_EQ(broker->tls, tls);
}

TEST(Broker, HostPortAndModeMayBeLeftOutFromTheEnd) {
  expect("xmpp.example.org", "xmpp.example.org", 5222, TlsMode::starttls);
  expect("xmpp.example.org:5269", "xmpp.example.org", 5269, TlsMode::starttls);
  expect("xmpp.example.org:443:direct", "xmpp.example.org", 443, TlsMode::direct);
  expect("127.0.0.1:5222:plaintext", "127.0.0.1", 5222, TlsMode::plaintext);
}

TEST(Broker, DirectTlsHasItsOwnPort) {
  expect("xmpp.example.org:direct", "xmpp.example.org", 5223, TlsMode::direct);
}

TEST(Broker, Ipv6StandsInBrackets) {
  expect("[::1]", "::1", 5222, TlsMode::starttls);
  expect("[fd00::1]:5300:direct", "fd00::1", 5300, TlsMode::direct);
}

TEST(Broker, RefusalsNameTheText) {
  for (const char* text : {"", ":5222", "host:", "host:0", "host:65536", "host:x:direct",
                           "host:5222:tls", "a:b:c:d", "::1", "[::1", "[::1]5222", "[]"}) {
    const auto broker = parse_broker(text);
    ASSERT_FALSE(broker) << text;
    EXPECT_EQ(broker.error().code, Code::configuration);
    EXPECT_NE(broker.error().text.find("'" + std::string(text) + "'"), std::string::npos);
  }
}

}  // namespace
}  // namespace tenet::console
