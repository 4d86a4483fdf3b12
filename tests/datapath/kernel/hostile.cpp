#include "tests/datapath/kernel/hostile.h"

#include "tests/datapath/kernel/frames.h"

namespace tenet::device {

using namespace tenet::testing;

IpAddress ip(const std::string& text) {
  return IpAddress::parse(text).value();
}

Packet udp(const std::string& source, const std::string& destination, std::uint16_t port) {
  Packet out;
  out.source = ip(source);
  out.destination = ip(destination);
  if (out.source.family() == Family::ipv6) out.ethertype = ethertype::kIpv6;
  out.protocol = ip_protocol::kUdp;
  out.source_port = 1234;
  out.destination_port = port;
  return out;
}

VmPtr member(std::size_t number, const std::string& port) {
  Vm out{.id = "v" + std::to_string(number), .mac = mac(number)};
  out.addresses = {ip("10.0.0." + std::to_string(number)), ip("fd00::" + std::to_string(number))};
  out.port = port;
  return std::make_shared<const Vm>(out);
}

DatapathState hosting(const std::vector<Placed>& vms) {
  DatapathState out;
  for (const auto& [vnid, number, port] : vms) {
    out.networks[vnid] = {};
    out.members[{vnid, "v" + std::to_string(number)}] = member(number, port);
  }
  return out;
}

std::string bytes_of(const Mac& mac) {
  return {reinterpret_cast<const char*>(mac.bytes().data()), mac.bytes().size()};
}

std::set<Vnid> missing(const Result<Restored>& restored) {
  std::set<Vnid> out;
  if (!restored) return out;
  for (const DriverRefusal& refusal : restored->missing) {
    const auto* key = std::get_if<MemberKey>(&refusal.culprit);
    out.insert(key == nullptr ? std::get<Vnid>(refusal.culprit) : key->vnid);
  }
  return out;
}

HostileTest::HostileTest()
    : driver_(world_.driver()), vm1_("far-vm1"), vm2_("far-vm2"), vm3_("far-vm3"), up_("far-up0") {
  EXPECT_TRUE(driver_->restore({}));
}

void HostileTest::apply_state(const DatapathState& next) {
  for (const auto& refusal : driver_->apply(difference(state_, next))) {
    ADD_FAILURE() << describe(refusal.error);
  }
  state_ = next;
}

std::string HostileTest::reached(const FarEnd& from, const Mac& source, const Mac& destination,
                                 const Packet& packet) {
  return reached(from, frame_of(packet, source, destination, kPayload));
}

std::string HostileTest::reached(const FarEnd& from, const std::string& frame) {
  const std::vector<std::pair<const FarEnd*, std::string>> ends{
      {&vm1_, "vm1 "}, {&vm2_, "vm2 "}, {&vm3_, "vm3 "}, {&up_, "up0 "}};
  for (const auto& [end, name] : ends) end->received();
  from.send(frame);
  world_.settle();
  std::string out;
  for (const auto& [end, name] : ends) {
    for (const std::string& got : end->received()) {
      if (got.find(kPayload) == std::string::npos) continue;
      out += name;
      break;
    }
  }
  return out;
}

}  // namespace tenet::device
