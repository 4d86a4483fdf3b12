#include "console/table.h"

#include <gtest/gtest.h>

namespace tenet::console {
namespace {

TEST(Table, AlignsColumnsUnderCapitals) {
  EXPECT_EQ(render_table({"vnid", "state"}, {{"4096", "enforced"}, {"7", "pending"}}),
            "VNID  STATE\n"
            "4096  enforced\n"
            "7     pending\n");
}

TEST(Table, WithoutRowsIsItsHeader) {
  EXPECT_EQ(render_table({"vnid", "state"}, {}), "VNID  STATE\n");
}

TEST(Table, WithoutColumnsIsNothing) {
  EXPECT_EQ(render_table({}, {}), "");
  EXPECT_EQ(render_table({}, {{"stray"}}), "");
}

TEST(Table, EmptyCellsAtTheEndLeaveNoBlanks) {
  EXPECT_EQ(render_table({"a", "b"}, {{"x", ""}}), "A  B\nx\n");
  EXPECT_EQ(render_table({"a", "b"}, {{"", ""}}), "A  B\n\n");
}

TEST(Table, MissingCellsAreEmptyAndSurplusOnesLeftOut) {
  EXPECT_EQ(render_table({"a", "b"}, {{"x"}, {"1", "2", "3"}}), "A  B\nx\n1  2\n");
}

TEST(Table, CountsCodePointsNotBytes) {
  EXPECT_EQ(render_table({"name", "b"}, {{"gr\u00fcn", "1"}, {"blue", "2"}}),
            "NAME  B\n"
            "gr\u00fcn  1\n"
            "blue  2\n");
}

TEST(Table, CellsCannotSteerTheTerminal) {
  EXPECT_EQ(render_table({"a"}, {{"x\x1b[2Jy\nz"}}), "A\nx [2Jy z\n");
}

TEST(Printable, ReplacesControlCharactersOfBothRanges) {
  EXPECT_EQ(printable("a\tb\x7f"), "a b ");
  EXPECT_EQ(printable("a\u009bb"), "a b");
  EXPECT_EQ(printable("\u00e4\u20ac"), "\u00e4\u20ac");
  EXPECT_EQ(printable("cut \xC2"), "cut \xC2");
}

}  // namespace
}  // namespace tenet::console
