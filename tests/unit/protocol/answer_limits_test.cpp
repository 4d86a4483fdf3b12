#include "common/protocol/answer_limits.h"

#include <gtest/gtest.h>

namespace tenet::protocol {
namespace {

std::vector<Element> nodes(std::size_t count, std::size_t bytes) {
  Element node{"node", "urn:tenet:policy:1"};
  node.text = std::string(bytes, 'x');
  return std::vector<Element>(count, node);
}

TEST(AnswerLimitsTest, NodesThatDoNotFitAreLeftForTheNextQuestion) {
  auto few = nodes(4, 1'000);
  keep_first_nodes(few);
  EXPECT_EQ(few.size(), 4U);
  auto many = nodes(16, 10'000);
  keep_first_nodes(many);
  EXPECT_EQ(many.size(), 4U);
  auto large = nodes(2, 100'000);
  keep_first_nodes(large);
  EXPECT_EQ(large.size(), 1U) << "the first one is answered always";
}

TEST(AnswerLimitsTest, EqualRefusalsAreOneAndLaterOnesLoseTheirText) {
  std::vector<OperationResult> results(3, Error{Code::busy, "later"});
  results.emplace_back(std::nullopt);
  results.emplace_back(Error{Code::vm_conflict, "it is there"});
  const auto shared = shared_refusals(results);
  ASSERT_EQ(shared.size(), 2U);
  EXPECT_EQ(shared[0].places, (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(shared[1].places, (std::vector<std::size_t>{4}));

  results.clear();
  for (int i = 0; i < 100; ++i) {
    results.emplace_back(Error{Code::vm_conflict, std::to_string(i) + std::string(500, 'x')});
  }
  const auto cut = shared_refusals(results);
  ASSERT_GT(cut.size(), 1U);
  EXPECT_EQ(cut.back().error, (Error{Code::vm_conflict, ""}));
  EXPECT_GT(cut.back().places.size(), 1U);
  EXPECT_LT(cut.size(), 50U);
}

}  // namespace
}  // namespace tenet::protocol
