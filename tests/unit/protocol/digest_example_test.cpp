// The worked example of PROTOCOL.md, "Digests", computed by the code. What the document prints is
// what the code computes, so that others can check themselves against it.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "common/core/digest.h"
#include "common/protocol/codec.h"

namespace tenet {
namespace {

std::string protocol_document() {
  std::ifstream file(TENET_PROTOCOL_DOCUMENT);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

VmPtr vm(Vm value) {
  return std::make_shared<const Vm>(make_vm(std::move(value)).value());
}

class DigestExample : public ::testing::Test {
 protected:
  DigestExample() {
    const auto addresses = parse_addresses("fd00::5 10.1.0.5").value();
    const auto mac = [](const char* text) { return Mac::parse(text).value(); };
    web1_ = vm({"web-1", mac("52:54:00:12:34:56"), VmState::associated, false, addresses, "eth1"});
    web2_ = vm({"web-2", mac("52:54:00:12:34:57"), VmState::pre_associated, true});
    policy_ = protocol::parse_policy(
                  "<policy xmlns='urn:tenet:policy:1' vnid='4096' revision='7'>"
                  "<qos class='2' dscp='18'/><bandwidth to-vm='100Mbit' from-vm='50000kbit'/>"
                  "</policy>")
                  .value();
    other_ =
        protocol::parse_policy("<policy xmlns='urn:tenet:policy:1' vnid='4097.2' revision='1'/>")
            .value();
    NetworkView& network = view_[Vnid(4096)];
    network.stamp = policy_->stamp();
    network.vms.put(web1_);
    network.vms.put(web2_);
    view_[Vnid(4097, 2)] = {other_->stamp(), {}};
  }

  // The document has the value, and the code computes it.
  static void expect_printed(const std::string& value) {
    EXPECT_NE(protocol_document().find(value), std::string::npos) << value;
  }

  VmPtr web1_;
  VmPtr web2_;
  PolicyPtr policy_;
  PolicyPtr other_;
  DeviceView view_;
};

TEST_F(DigestExample, ContentsOfPolicies) {
  const std::string content =
      "policy 4096\n<bandwidth from-vm=\"50Mbit\" to-vm=\"100Mbit\"/>\n"
      "<qos dscp=\"af21\" class=\"2\"/>\n";
  EXPECT_EQ(policy_->stamp().content, Sha256::of(content));
  expect_printed(policy_->stamp().content.text());
  EXPECT_EQ(other_->stamp().content, Sha256::of("policy 4097.2\n"));
  expect_printed(other_->stamp().content.text());
}

TEST_F(DigestExample, Vms) {
  const std::string first = "vm web-1 52:54:00:12:34:56 10.1.0.5,fd00::5 eth1 associated -";
  const std::string second = "vm web-2 52:54:00:12:34:57 - - pre-associated reserve";
  EXPECT_EQ(digest(*web1_), Sha256::of(first));
  EXPECT_EQ(digest(*web2_), Sha256::of(second));
  for (const std::string& line : {first, second}) {
    expect_printed(line);
    expect_printed(Sha256::of(line).text());
  }
}

TEST_F(DigestExample, Paths) {
  EXPECT_EQ(vnid_path(Vnid(4096)), "00010000");
  EXPECT_EQ(vnid_path(Vnid(4097, 2)), "10010020");
  expect_printed("10010020");
  expect_printed(vm_path("web-1"));
  expect_printed(vm_path("web-2"));
  EXPECT_GT(vm_path("web-1"), vm_path("web-2")) << "the document says that web-2 comes first";
}

TEST_F(DigestExample, NetworksAndRoot) {
  std::string bytes = "network 4096 7 " + policy_->stamp().content.text() + "\n";
  bytes += digest(*web2_).bytes();
  bytes += digest(*web1_).bytes();
  const Sha256 first = Sha256::of(bytes);
  EXPECT_EQ(digest(Vnid(4096), view_.at(Vnid(4096))), first);
  const Sha256 second = Sha256::of("network 4097.2 1 " + other_->stamp().content.text() + "\n");
  EXPECT_EQ(digest(Vnid(4097, 2), view_.at(Vnid(4097, 2))), second);
  const Sha256 root = Sha256::of(std::string(first.bytes()) + std::string(second.bytes()));
  EXPECT_EQ(digest(view_), root);
  for (const Sha256& value : {first, second, root}) expect_printed(value.text());
}

TEST_F(DigestExample, TheRootOfNothing) {
  const Sha256 nothing = digest(DeviceView{});
  EXPECT_EQ(nothing, Sha256::of(""));
  expect_printed(nothing.text());
}

}  // namespace
}  // namespace tenet
