#include "common/command/command.h"

#include <gtest/gtest.h>

#include "common/command/vnid_filter.h"

namespace tenet::command {
namespace {

const std::vector<Field> kFields{
    {.name = "vm", .required = true},
    {.name = "state", .type = FieldType::choice, .options = {"associated", "pre-associated"}},
    {.name = "devices", .type = FieldType::lines},
};

std::string problem(const Values& values) {
  const auto checked = check(kFields, values);
  return checked ? "" : checked.error().witness.entry + ": " + checked.error().text;
}

TEST(CommandTest, WhatIsEnteredIsCheckedFieldByField) {
  EXPECT_EQ(problem({{"vm", {"web-1"}}}), "");
  EXPECT_EQ(problem({{"vm", {"web-1"}}, {"state", {""}}}), "") << "not entered";
  EXPECT_EQ(problem({{"vm", {" \n"}}}), "vm: the field vm is empty; it is required");
  EXPECT_EQ(problem({{"vm", {"web-1"}}, {"colour", {"red"}}}),
            "colour: the field colour is unknown");
  EXPECT_EQ(problem({{"vm", {"web-1"}}, {"state", {"away"}}}),
            "state: state is 'away'; write one of associated, pre-associated");
}

TEST(CommandTest, InputIsReadAsOneTextAsLinesAndAsWords) {
  const Input in(PeerId("admin@x/desk"), {{"vm", {" web-1 "}}, {"devices", {"a, b", "c"}}});
  EXPECT_EQ(in.text("vm"), "web-1");
  EXPECT_EQ(in.lines("devices"), "a, b\nc");
  EXPECT_EQ(in.words("devices"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_FALSE(in.has("state"));
}

TEST(CommandTest, CellsReadAsTheirType) {
  EXPECT_EQ(text(Cell(std::string("enforced"))), "enforced");
  EXPECT_EQ(text(Cell(std::uint64_t{18446744073709551615U})), "18446744073709551615");
  EXPECT_EQ(text(Cell(true)), "true");
  EXPECT_EQ(text(Cell(WallTime(std::chrono::seconds(1'800'000'000)))), "2027-01-15T08:00:00Z");
  EXPECT_EQ(text(Cell(PeerId("switch1@x/device-agent"))), "switch1@x/device-agent");
  EXPECT_EQ(text(Cell()), "");
}

TEST(CommandTest, AFilterIsAVnidOrNothing) {
  EXPECT_EQ(read_vnid_filter(Input({}, {})).value(), std::nullopt);
  EXPECT_EQ(read_vnid_filter(Input({}, {{"vnid", {"4096.2"}}})).value(), Vnid(4096, 2));
  EXPECT_FALSE(read_vnid_filter(Input({}, {{"vnid", {"all"}}})).has_value());
}

}  // namespace
}  // namespace tenet::command
