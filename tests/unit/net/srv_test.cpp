#include "common/net/srv.h"

#include <gtest/gtest.h>

namespace tenet::net {
namespace {

std::uint32_t lowest(std::uint32_t) {
  return 0;
}
std::uint32_t highest(std::uint32_t most) {
  return most;
}

std::vector<std::string> hosts(const std::vector<Broker>& brokers) {
  std::vector<std::string> out;
  out.reserve(brokers.size());
  for (const Broker& b : brokers) out.push_back(b.host);
  return out;
}

using Hosts = std::vector<std::string>;

TEST(Srv, LowerPriorityComesFirstAndBothServicesAreOneList) {
  const auto brokers = order({{20, 0, 5222, "c", TlsMode::starttls},
                              {10, 0, 5223, "b", TlsMode::direct},
                              {0, 0, 5222, "a", TlsMode::starttls}},
                             lowest);
  EXPECT_EQ(hosts(brokers), (Hosts{"a", "b", "c"}));
  EXPECT_EQ(brokers[1].port, 5223);
  EXPECT_EQ(brokers[1].tls, TlsMode::direct);
}

TEST(Srv, WeightsDrawWithinAPriority) {
  const std::vector<SrvRecord> records{{1, 10, 1, "a"}, {1, 0, 1, "zero"}, {1, 30, 1, "b"}};
  EXPECT_EQ(hosts(order(records, lowest)), (Hosts{"zero", "a", "b"}));
  EXPECT_EQ(hosts(order(records, highest)), (Hosts{"b", "a", "zero"}));
  std::vector<std::uint32_t> limits;
  order(records, [&](std::uint32_t most) {
    limits.push_back(most);
    return most / 2;
  });
  EXPECT_EQ(limits[0], 40U);
}

TEST(Srv, WithoutRecordsTheDomainItself) {
  const auto brokers = brokers_of("example.org", {}, lowest);
  ASSERT_TRUE(brokers);
  ASSERT_EQ(brokers->size(), 1U);
  EXPECT_EQ(brokers->front().host, "example.org");
  EXPECT_EQ(brokers->front().port, 5222);
  EXPECT_EQ(brokers->front().tls, TlsMode::starttls);
}

TEST(Srv, ADotMeansThatThereIsNone) {
  const auto none = brokers_of("example.org", {{0, 0, 0, ""}}, lowest);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::not_found);
  const auto direct_only =
      brokers_of("example.org", {{0, 0, 0, ""}, {0, 0, 443, "x", TlsMode::direct}}, lowest);
  ASSERT_TRUE(direct_only);
  EXPECT_EQ(hosts(*direct_only), (Hosts{"x"}));
}

}  // namespace
}  // namespace tenet::net
