#include "console/output.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace tenet::console {
namespace {

Outcome example() {
  return {Exit::pending,
          {{"warn", "switch2 is unreachable"}, {"info", "hint"}},
          {"device", "state"},
          {{"switch1", "enforced"}, {"switch2"}},
          ""};
}

TEST(TextOutput, SeparatesResultsFromNotes) {
  std::ostringstream out;
  std::ostringstream err;
  write_text(example(), out, err);
  EXPECT_EQ(out.str(), "DEVICE   STATE\nswitch1  enforced\nswitch2\n");
  EXPECT_EQ(err.str(), "warning: switch2 is unreachable\nhint\n");
}

TEST(TextOutput, SaysThatThereIsNothingToList) {
  std::ostringstream out;
  std::ostringstream err;
  write_text({Exit::done, {}, {"vnid"}}, out, err);
  EXPECT_EQ(out.str(), "VNID\n");
  EXPECT_EQ(err.str(), "nothing to list\n");
}

TEST(TextOutput, PrintsDocumentsAsTheyAre) {
  std::ostringstream out;
  std::ostringstream err;
  write_text({Exit::done, {}, {}, {}, "<policy>\n\t<x/>\n</policy>\n"}, out, err);
  write_text({Exit::done, {}, {}, {}, "no newline"}, out, err);
  EXPECT_EQ(out.str(), "<policy>\n\t<x/>\n</policy>\nno newline\n");
  EXPECT_EQ(err.str(), "");
}

TEST(Json, IsOneObjectWithEveryCell) {
  const auto json = nlohmann::json::parse(to_json(example()));
  EXPECT_EQ(json["status"], "pending");
  EXPECT_EQ(json["notes"][0]["type"], "warn");
  EXPECT_EQ(json["notes"][0]["text"], "switch2 is unreachable");
  EXPECT_EQ(json["rows"][0], (nlohmann::json{{"device", "switch1"}, {"state", "enforced"}}));
  EXPECT_EQ(json["rows"][1], (nlohmann::json{{"device", "switch2"}, {"state", ""}}));
  EXPECT_FALSE(json.contains("document"));
}

TEST(Json, HasEmptyListsRatherThanNone) {
  const auto json = nlohmann::json::parse(to_json({}));
  EXPECT_EQ(json["status"], "done");
  EXPECT_TRUE(json["rows"].is_array());
  EXPECT_TRUE(json["notes"].is_array());
}

TEST(Json, SurvivesTextThatIsNoUtf8) {
  EXPECT_NO_THROW(to_json({Exit::usage, {{"error", "\xff.xml"}}, {}, {}, "<p/>"}));
  EXPECT_EQ(nlohmann::json::parse(to_json({Exit::done, {}, {}, {}, "<p/>"}))["document"], "<p/>");
}

}  // namespace
}  // namespace tenet::console
