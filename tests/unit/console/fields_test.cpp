#include "console/fields.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/unit/console/scratch_file.h"

namespace tenet::console {
namespace {

using xmpp::Form;
using xmpp::FormValues;

TEST(Field, IsNameAndValue) {
  EXPECT_EQ(parse_field("vnid=4096"), (FieldInput{"vnid", "4096"}));
  EXPECT_EQ(parse_field("vnid="), (FieldInput{"vnid", ""}));
  EXPECT_EQ(parse_field("a=b=c"), (FieldInput{"a", "b=c"}));
}

TEST(Field, ComesFromAFileOrStandardInput) {
  EXPECT_EQ(parse_field("policy=@web.xml"), (FieldInput{"policy", "web.xml", Source::file}));
  EXPECT_EQ(parse_field("policy=-"), (FieldInput{"policy", "", Source::standard_input}));
  EXPECT_EQ(parse_field("x=@@web"), (FieldInput{"x", "@web"}));
}

TEST(Field, RefusalsNameTheArgument) {
  for (const char* text : {"vnid", "", "=4096", "policy=@"}) {
    const auto field = parse_field(text);
    ASSERT_FALSE(field) << text;
    EXPECT_EQ(field.error().code, Code::configuration);
  }
  EXPECT_NE(parse_field("vnid").error().text.find("'vnid'"), std::string::npos);
}

Result<FormValues> read(const std::vector<FieldInput>& fields, const std::string& input = "") {
  std::istringstream in(input);
  return read_fields(fields, AddressBook({{"switch1", *xmpp::Jid::parse("switch1@example.org")}}),
                     in);
}

TEST(ReadFields, TakesTheContentsOfFilesAndStandardInput) {
  const ScratchFile file("<policy/>\n");
  const auto values = read({{"policy", file.path(), Source::file},
                            {"other", "", Source::standard_input},
                            {"vm", "web-1"}},
                           "from input");
  ASSERT_TRUE(values) << values.error().text;
  EXPECT_EQ(
      *values,
      (FormValues{{"policy", {"<policy/>\n"}}, {"other", {"from input"}}, {"vm", {"web-1"}}}));
}

TEST(ReadFields, AFileCalledDashIsStandardInput) {
  EXPECT_EQ(read({{"policy", "-", Source::file}}, "text")->at("policy"),
            std::vector<std::string>{"text"});
}

TEST(ReadFields, AnEmptyFileIsAnEmptyText) {
  const ScratchFile file("");
  const auto values = read({{"policy", file.path(), Source::file}});
  ASSERT_TRUE(values) << values.error().text;
  EXPECT_EQ(values->at("policy"), std::vector<std::string>{""});
}

TEST(ReadFields, ResolvesNamesOfAgentsAndGathersSeveral) {
  const auto values =
      read({{"devices", "switch1", Source::device}, {"devices", "s@x/y", Source::device}});
  ASSERT_TRUE(values);
  EXPECT_EQ(values->at("devices"),
            (std::vector<std::string>{"switch1@example.org/device-agent", "s@x/y"}));
  EXPECT_EQ(read({{"devices", "switch2", Source::device}}).error().code, Code::configuration);
}

TEST(ReadFields, RefusesWhatCannotBeRead) {
  const auto missing = read({{"policy", "/nonexistent/web.xml", Source::file}});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().text.find("/nonexistent/web.xml"), std::string::npos);
  EXPECT_FALSE(read({{"policy", "/", Source::file}}));
  EXPECT_FALSE(read({{"policy", "/dev/zero", Source::file}}));
  const auto twice =
      read({{"a", "", Source::standard_input}, {"b", "", Source::standard_input}}, "x");
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().text.find("a and b"), std::string::npos);
}

Form form() {
  return {"form",
          "Create a VM",
          "",
          {{"FORM_TYPE", "hidden", "", {"urn:x"}},
           {"note", "fixed", "", {"read this"}},
           {"vnid", "text-single", "VNID", {}, {}, true},
           {"devices", "text-multi", "Devices"},
           {"state", "list-single", "State", {"associated"}, {"associated", "pre-associated"}}}};
}

std::vector<std::string> values_in(const Result<Form>& filled, std::string_view field) {
  const auto values = xmpp::values_of(*filled);
  const auto found = values.find(field);
  return found == values.end() ? std::vector<std::string>{"(absent)"} : found->second;
}

TEST(Fill, KeepsDefaultsAndLeavesOutWhatHasNoValue) {
  const auto filled = fill(form(), {{"vnid", {"4096"}}});
  ASSERT_TRUE(filled);
  EXPECT_EQ(filled->type, "submit");
  EXPECT_EQ(values_in(filled, "vnid"), std::vector<std::string>{"4096"});
  EXPECT_EQ(values_in(filled, "state"), std::vector<std::string>{"associated"});
  EXPECT_EQ(values_in(filled, "FORM_TYPE"), std::vector<std::string>{"urn:x"});
  EXPECT_EQ(values_in(filled, "devices"), std::vector<std::string>{"(absent)"});
  EXPECT_EQ(values_in(filled, "note"), std::vector<std::string>{"(absent)"});
}

TEST(Fill, LinesBecomeValuesOfATextMulti) {
  const auto filled = fill(form(), {{"devices", {"a@x\r\nb@x\n", "c@x"}}});
  EXPECT_EQ(values_in(filled, "devices"), (std::vector<std::string>{"a@x", "b@x", "c@x"}));
}

TEST(Fill, RefusesUnknownFieldsAndNamesTheKnown) {
  const auto filled = fill(form(), {{"vnit", {"4096"}}});
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, Code::configuration);
  EXPECT_NE(filled.error().text.find("'vnit'; it has vnid, devices, state"), std::string::npos)
      << filled.error().text;
  EXPECT_FALSE(fill(form(), {{"note", {"x"}}}));
}

TEST(Fill, RefusesSeveralValuesOfASingleField) {
  const auto filled = fill(form(), {{"vnid", {"1", "2"}}});
  ASSERT_FALSE(filled);
  EXPECT_NE(filled.error().text.find("vnid"), std::string::npos);
}

}  // namespace
}  // namespace tenet::console
