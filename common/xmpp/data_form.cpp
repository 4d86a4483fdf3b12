#include "common/xmpp/data_form.h"

#include "common/protocol/names.h"

namespace tenet::xmpp {
namespace {

Element make(std::string_view name) {
  return Element{std::string(name), std::string(protocol::kDataFormsNamespace)};
}

void add_text(Element& parent, std::string_view name, const std::string& text) {
  parent.add(std::string(name)).text = text;
}

Element field_element(const FormField& field, bool with_type) {
  Element out = make("field");
  if (!field.var.empty()) out.set("var", field.var);
  if (with_type) out.set("type", field.type);
  if (!field.label.empty()) out.set("label", field.label);
  if (!field.description.empty()) add_text(out, "desc", field.description);
  if (field.required) out.add("required");
  for (const std::string& value : field.values) add_text(out, "value", value);
  for (const std::string& option : field.options) {
    Element& element = out.add("option").set("label", option);
    add_text(element, "value", option);
  }
  return out;
}

// Empty if it is absent.
std::string attribute(const Element& element, std::string_view name) {
  const std::string* value = element.attribute(name);
  return value == nullptr ? std::string() : *value;
}

FormField parse_field(const Element& element) {
  FormField out;
  out.var = attribute(element, "var");
  out.type = attribute(element, "type");
  out.label = attribute(element, "label");
  for (const Element& child : element.children) {
    if (child.name == "value") out.values.push_back(child.text);
    if (child.name == "required") out.required = true;
    if (child.name == "desc") out.description = child.text;
    if (child.name != "option") continue;
    const Element* value = child.child("value");
    if (value != nullptr) out.options.push_back(value->text);
  }
  return out;
}

}  // namespace

Element to_element(const Form& form) {
  Element out = make("x");
  out.set("type", form.type);
  if (!form.title.empty()) add_text(out, "title", form.title);
  if (!form.instructions.empty()) add_text(out, "instructions", form.instructions);
  for (const FormField& field : form.fields) out.add(field_element(field, true));
  if (!form.reported.empty()) {
    Element& reported = out.add("reported");
    for (const FormField& column : form.reported) reported.add(field_element(column, true));
  }
  for (const std::vector<std::string>& row : form.items) {
    Element& item = out.add("item");
    for (std::size_t i = 0; i < form.reported.size() && i < row.size(); ++i) {
      Element& field = item.add("field").set("var", form.reported[i].var);
      add_text(field, "value", row[i]);
    }
  }
  return out;
}

Result<Form> parse_form(const Element& element) {
  if (element.name != "x" || element.xmlns != protocol::kDataFormsNamespace) {
    return fail(Code::invalid, "the element " + element.name + " is no data form",
                {.entry = element.name});
  }
  Form out;
  out.type = attribute(element, "type");
  for (const Element& child : element.children) {
    if (child.name == "title") out.title = child.text;
    if (child.name == "instructions") out.instructions = child.text;
    if (child.name == "field") {
      FormField field = parse_field(child);
      if (field.var.empty() && field.type != "fixed") {
        return fail(Code::invalid, "a field of the form has no var", {.entry = "field"});
      }
      out.fields.push_back(std::move(field));
    }
    if (child.name == "reported") {
      for (const Element& column : child.children) out.reported.push_back(parse_field(column));
    }
    if (child.name != "item") continue;
    std::vector<std::string> row(out.reported.size());
    for (const Element& cell : child.children) {
      const FormField field = parse_field(cell);
      for (std::size_t i = 0; i < out.reported.size(); ++i) {
        if (out.reported[i].var == field.var && !field.values.empty()) row[i] = field.values[0];
      }
    }
    out.items.push_back(std::move(row));
  }
  return out;
}

FormValues values_of(const Form& form) {
  FormValues out;
  for (const FormField& field : form.fields) {
    auto& values = out[field.var];
    values.insert(values.end(), field.values.begin(), field.values.end());
  }
  return out;
}

}  // namespace tenet::xmpp
