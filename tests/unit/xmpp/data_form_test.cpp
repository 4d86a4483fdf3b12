#include "common/xmpp/data_form.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "common/protocol/xml_text.h"
#include "tests/support/generators.h"

namespace tenet::xmpp {
namespace {

namespace gen = rc::gen;

std::string maybe_text() {
  return *gen::oneOf(gen::just(std::string()), testing::any_text());
}

FormField any_field(std::size_t number) {
  FormField out;
  out.var = "field-" + std::to_string(number);
  out.type = *gen::element<std::string>("text-single", "text-multi", "list-single", "boolean");
  out.label = maybe_text();
  out.values = *gen::container<std::vector<std::string>>(testing::any_text());
  out.options = *gen::container<std::vector<std::string>>(testing::any_text());
  out.required = *gen::arbitrary<bool>();
  out.description = maybe_text();
  return out;
}

void assert_same(const FormField& a, const FormField& b) {
  RC_ASSERT(a.var == b.var);
  RC_ASSERT(a.type == b.type);
  RC_ASSERT(a.label == b.label);
  RC_ASSERT(a.values == b.values);
  RC_ASSERT(a.options == b.options);
  RC_ASSERT(a.required == b.required);
  RC_ASSERT(a.description == b.description);
}

void assert_same(const std::vector<FormField>& a, const std::vector<FormField>& b) {
  RC_ASSERT(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) assert_same(a[i], b[i]);
}

RC_GTEST_PROP(DataForm, AFormIsTheSameAfterTheWire, ()) {
  Form form;
  form.type = *gen::element<std::string>("form", "submit", "cancel", "result");
  form.title = maybe_text();
  form.instructions = maybe_text();
  const auto fields = *gen::inRange<std::size_t>(0, 4);
  for (std::size_t i = 0; i < fields; ++i) form.fields.push_back(any_field(i));
  const auto columns = *gen::inRange<std::size_t>(0, 4);
  for (std::size_t i = 0; i < columns; ++i) form.reported.push_back(any_field(i));
  const auto rows = columns == 0 ? 0 : *gen::inRange<std::size_t>(0, 4);
  for (std::size_t row = 0; row < rows; ++row) {
    form.items.emplace_back();
    for (std::size_t i = 0; i < columns; ++i) form.items.back().push_back(maybe_text());
  }

  const auto element =
      protocol::parse_xml(protocol::format_xml(to_element(form), protocol::XmlLayout::one_line));
  RC_ASSERT(element.has_value());
  const auto read = parse_form(*element);
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->type == form.type);
  RC_ASSERT(read->title == form.title);
  RC_ASSERT(read->instructions == form.instructions);
  assert_same(read->fields, form.fields);
  assert_same(read->reported, form.reported);
  RC_ASSERT(read->items == form.items);
}

Result<Form> form_of(const std::string& inside) {
  const auto element =
      protocol::parse_xml("<x xmlns='jabber:x:data' type='submit'>" + inside + "</x>");
  if (!element) return fail(element.error());
  return parse_form(*element);
}

// gloox keeps just the last value of such a field, and a policy document would be one line of it.
TEST(DataForm, AFieldWithoutATypeKeepsAllItsValues) {
  const auto form =
      form_of("<field var='policy'><value>one</value><value/><value>three</value></field>");
  ASSERT_TRUE(form.has_value());
  EXPECT_EQ(values_of(*form).at("policy"), (std::vector<std::string>{"one", "", "three"}));
}

TEST(DataForm, AFieldThatComesTwiceKeepsBoth) {
  const auto form =
      form_of("<field var='a'><value>1</value></field><field var='a'><value>2</value></field>");
  ASSERT_TRUE(form.has_value());
  EXPECT_EQ(values_of(*form).at("a"), (std::vector<std::string>{"1", "2"}));
}

TEST(DataForm, AFieldHasAName) {
  EXPECT_FALSE(form_of("<field><value>1</value></field>").has_value());
  EXPECT_TRUE(form_of("<field type='fixed'><value>1</value></field>").has_value());
}

TEST(DataForm, AnotherElementIsNoForm) {
  EXPECT_FALSE(parse_form(Element{"x", "urn:x"}).has_value());
  EXPECT_FALSE(parse_form(Element{"y", "jabber:x:data"}).has_value());
}

// Consoles show items by the order of the columns (XEP-0004 section 3.4).
TEST(DataForm, CellsStandUnderTheirColumns) {
  const auto form = form_of(
      "<reported><field var='a'/><field var='b'/></reported>"
      "<item><field var='b'><value>2</value></field><field "
      "var='c'><value>3</value></field></item>");
  ASSERT_TRUE(form.has_value());
  EXPECT_EQ(form->items, (std::vector<std::vector<std::string>>{{"", "2"}}));
}

}  // namespace
}  // namespace tenet::xmpp
