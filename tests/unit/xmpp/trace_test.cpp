#include "common/xmpp/trace.h"

#include <gtest/gtest.h>

namespace tenet::xmpp {
namespace {

TEST(Trace, ShowsNoProofOfThePassword) {
  EXPECT_EQ(traceable("<auth xmlns='s' mechanism='SCRAM-SHA-1'>secret</auth>"),
            "<auth xmlns='s' mechanism='SCRAM-SHA-1'>...</auth>");
  EXPECT_EQ(traceable("<response xmlns='s'>secret</response>"),
            "<response xmlns='s'>...</response>");
  EXPECT_EQ(traceable("<challenge>secret</challenge>"), "<challenge>...</challenge>");
  EXPECT_EQ(traceable("<success>secret</success>"), "<success>...</success>");
  EXPECT_EQ(traceable("<success xmlns='s'/>"), "<success xmlns='s'/>");
  EXPECT_EQ(traceable("<authority>x</authority>"), "<authority>x</authority>");
}

TEST(Trace, IsOneLine) {
  EXPECT_EQ(traceable("<a>x\ny\r</a>"), "<a>x&#xA;y&#xD;</a>");
}

TEST(Trace, CopesWithOddities) {
  EXPECT_EQ(traceable(""), "");
  EXPECT_EQ(traceable(" "), " ");
  EXPECT_EQ(traceable("<"), "<");
  EXPECT_EQ(traceable("<auth"), "<auth");
}

}  // namespace
}  // namespace tenet::xmpp
