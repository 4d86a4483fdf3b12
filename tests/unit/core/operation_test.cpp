// Rules that a server and a device share.
#include "common/core/operation.h"

#include <gtest/gtest.h>

namespace tenet {
namespace {

constexpr Vnid kNet{4096};
constexpr Vnid kOther{4097};

PolicyPtr policy(Vnid vnid, Revision revision) {
  return std::make_shared<const Policy>(vnid, revision, std::vector<PolicyEntry>{});
}
VmPtr vm() {
  return std::make_shared<const Vm>(Vm{"v1", Mac({2, 0, 0, 0, 0, 1})});
}

TEST(OperationTest, AVnidLosesVmsUnlessAPolicyComesAfterThem) {
  const Error error{Code::busy, "later"};
  const auto losing = [](const std::vector<Operation>& operations,
                         std::vector<OperationResult> results = {}) {
    results.resize(operations.size());
    return vnids_losing_vms(operations, results);
  };
  EXPECT_EQ(losing({Dissociate{kNet, "v1"}, Dissociate{kOther, "v1"}}),
            (std::set<Vnid>{kNet, kOther}));
  EXPECT_EQ(losing({Dissociate{kNet, "v1"}}, {error}), std::set<Vnid>{});
  EXPECT_EQ(losing({Dissociate{kNet, "v1"}, PolicySync{policy(kNet, 2)}}), std::set<Vnid>{});
  EXPECT_EQ(losing({Dissociate{kNet, "v1"}, PolicyUpdate{policy(kNet, 2)}}), std::set<Vnid>{});
  EXPECT_EQ(losing({PolicyUpdate{policy(kNet, 2)}, Dissociate{kNet, "v1"}}), std::set<Vnid>{kNet});
  // Whether a VM is left is seen in the view: another may have come in its place.
  EXPECT_EQ(losing({Dissociate{kNet, "v1"}, Associate{kNet, vm()}}), std::set<Vnid>{kNet});
  EXPECT_EQ(losing({PolicyWithdraw{kNet}}), std::set<Vnid>{});
}

TEST(OperationTest, ARevisionIsNewerTheSameOlderOrInConflict) {
  const PolicyStamp now = policy(kNet, 7)->stamp();
  EXPECT_EQ(succession(now, policy(kNet, 8)->stamp()), Succession::newer);
  EXPECT_EQ(succession(now, now), Succession::same);
  EXPECT_EQ(succession(now, policy(kNet, 6)->stamp()), Succession::older);
  EXPECT_EQ(succession(now, policy(kOther, 7)->stamp()), Succession::conflicting);
  // What a device reports of a network that it cannot enforce equals no policy's.
  EXPECT_EQ(succession({7, {}}, now), Succession::conflicting);
}

TEST(OperationTest, APolicyKnowsTheSizeOfItsText) {
  const Policy empty(kNet, 7, {});
  EXPECT_EQ(empty.wire_bytes(), canonical_text(empty.format()).size());
  const Policy full(Vnid(4096, 2), 18446744073709551615U, {IgmpSnooping{true}, DhcpSnooping{true}});
  EXPECT_EQ(full.wire_bytes(), canonical_text(full.format()).size());
}

}  // namespace
}  // namespace tenet
