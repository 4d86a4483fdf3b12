#include "common/core/vm_set.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace tenet {
namespace {

VmPtr vm(const VmId& id, std::uint8_t number) {
  return std::make_shared<const Vm>(Vm{id, Mac({2, 0, 0, 0, 0, number})});
}

std::string text(const VmSet<VmPtr>& vms) {
  std::string out;
  for (const VmPtr& vm : vms) out += vm->id + "=" + vm->mac.text().substr(15) + " ";
  return out;
}

TEST(VmSet, IsInTheOrderOfIdentifiersAndHasEachOnce) {
  VmSet<VmPtr> vms;
  for (const auto& [id, number] : {std::pair("v2", 2), {"v10", 10}, {"v1", 1}}) {
    vms.put(vm(id, static_cast<std::uint8_t>(number)));
  }
  EXPECT_EQ(text(vms), "v1=01 v10=0a v2=02 ");
  const VmPtr& put = vms.put(vm("v10", 11));
  EXPECT_EQ(text(vms), "v1=01 v10=0b v2=02 ");
  EXPECT_EQ(&put, vms.find("v10"));
  EXPECT_EQ(vms.size(), 3U);
}

TEST(VmSet, FindsAndErasesByIdentifier) {
  VmSet<VmPtr> vms;
  EXPECT_TRUE(vms.empty());
  EXPECT_FALSE(vms.erase("v1"));
  vms.put(vm("v1", 1));
  EXPECT_TRUE(vms.contains("v1"));
  EXPECT_EQ(vms.find("v"), nullptr);
  EXPECT_THROW(vms.at("v"), std::out_of_range);
  // The identifier may be that of the VM which goes.
  EXPECT_TRUE(vms.erase(vms.at("v1")->id));
  EXPECT_TRUE(vms.empty());
}

}  // namespace
}  // namespace tenet
