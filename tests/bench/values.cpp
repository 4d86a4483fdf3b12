// tenet-bench-values RULES ENTRIES: the two questions about large policies that need no device.
// `explain`: which of so many rules decides about a packet. `verify`: does a policy of so many
// rules contradict a baseline of so many entries. Prints JSON.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/core/intent.h"
#include "common/protocol/codec.h"
#include "device-agent/core/baseline.h"
#include "device-agent/core/explain.h"

namespace {

using namespace tenet;
using namespace tenet::device;
using std::chrono::steady_clock;

// Rules of one /24 and port each; `second`: the second number of the address.
PolicyPtr policy(int rules, int second) {
  std::string text =
      "<policy xmlns='urn:tenet:policy:1' vnid='4096' revision='1'><acl default='deny'>";
  for (int i = 0; i < rules; ++i) {
    text += "<rule id='" + std::to_string(i + 1) +
            "' action='permit' direction='to-vm' protocol='tcp' source='10." +
            std::to_string(second + i / 256) + "." + std::to_string(i % 256) +
            ".0/24' destination-port='" + std::to_string(1000 + i) + "'/>";
  }
  auto parsed = protocol::parse_policy(text + "</acl></policy>");
  if (!parsed) {
    std::fprintf(stderr, "tenet-bench-values: %s\n", parsed.error().text.c_str());
    std::exit(1);
  }
  return *parsed;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: tenet-bench-values RULES ENTRIES\n", stderr);
    return 2;
  }
  const int rules = std::atoi(argv[1]);
  const PolicyPtr ours = policy(rules, 0);
  // As many packets as rules, so that on average half of the rules are looked at.
  Vm vm{"web-1", *Mac::parse("52:54:00:00:00:01")};
  vm.addresses = {*IpAddress::parse("10.0.0.1")};
  std::vector<Packet> packets;
  for (int i = 0; i < rules; ++i) {
    Packet packet;
    packet.direction = Direction::to_vm;
    packet.ethertype = ethertype::kIpv4;
    packet.protocol = ip_protocol::kTcp;
    packet.source =
        *IpAddress::parse("10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".7");
    packet.destination = vm.addresses.front();
    packet.source_port = 40000;
    packet.destination_port = static_cast<std::uint16_t>(1000 + i);
    packets.push_back(packet);
  }
  const std::vector<Intent> intents = ours->compile();
  std::size_t asked = 0;
  std::size_t permitted = 0;
  const auto begun = steady_clock::now();
  while (steady_clock::now() - begun < std::chrono::seconds(1)) {
    for (const Packet& packet : packets) {
      permitted += explain(vm, intents, packet).action == Action::permit ? 1 : 0;
      ++asked;
    }
  }
  const std::chrono::duration<double> explained = steady_clock::now() - begun;
  if (permitted != asked) {
    std::fputs("tenet-bench-values: a packet was denied\n", stderr);
    return 1;
  }

  // Entries that forbid what is next to what the policy permits: nothing overlaps, so that each
  // pair has to be looked at.
  Baseline baseline;
  const PolicyPtr theirs = policy(std::atoi(argv[2]), 100);
  for (const Intent& intent : theirs->compile()) {
    if (const auto* filter = std::get_if<Filter>(&intent)) baseline.rules = filter->rules;
  }
  for (Rule& rule : baseline.rules) rule.action = Action::deny;
  const auto before = steady_clock::now();
  if (const auto conflict = verify_baseline(*ours, baseline)) {
    std::fprintf(stderr, "tenet-bench-values: %s\n", conflict->text.c_str());
    return 1;
  }
  const std::chrono::duration<double, std::milli> verified = steady_clock::now() - before;
  std::puts(nlohmann::json{{"explain_per_second", static_cast<double>(asked) / explained.count()},
                           {"verify_ms", verified.count()}}
                .dump()
                .c_str());
  return 0;
}
