// The device agent's configuration: refused with every problem named, or a device runs on it.
#include "device-agent/device_config.h"

#include "common/xmpp/jid.h"
#include "tests/fuzz/target.h"
#include "tests/support/small_world.h"

namespace tenet::fuzz {
namespace {

using namespace tenet::device;

constexpr const char* kName = "device.toml";

void check(const DeviceConfig& config) {
  require(!config.xmpp.jid.empty() && !config.xmpp.jid.is_bare(), "the agent has a full JID");
  require(config.xmpp.reconnect_min <= config.xmpp.reconnect_max, "back-off does not shrink");
  for (const PeerId& server : config.servers) {
    require(!xmpp::Jid::parse(server.text())->is_bare(), "a server has a full JID");
  }
  for (const PeerId& name : config.operators) {
    require(xmpp::Jid::parse(name.text())->is_bare(), "an operator has a bare JID");
  }
  require(config.repair_interval.count() > 0, "the repair interval is a time");
  // It decides, and nothing that it decides breaks a law.
  DeviceCore core({config.baseline, config.capacity, {}});
  testing::Random random(1);
  for (std::uint64_t i = 1; i <= 4; ++i) {
    const Batch batch{{1, i}, testing::random_operations(random, 4)};
    require(core.batch(testing::servers()[0], batch, testing::kStart).has_value(), "applied");
    require(testing::broken_invariant(core).empty(), testing::broken_invariant(core));
  }
  core.expire(testing::kStart + config.capacity.reservation_timeout);
  require(testing::broken_invariant(core).empty(), testing::broken_invariant(core));
}

}  // namespace
}  // namespace tenet::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenet::fuzz;
  const auto config = tenet::device::parse_device_config(text_of(data, size), kName);
  if (config) {
    check(*config);
  } else {
    require(config.error().code == tenet::Code::configuration, "it is a configuration error");
    require(config.error().text.starts_with(kName), "a problem names the file",
            config.error().text);
  }
  return 0;
}
