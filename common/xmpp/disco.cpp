#include "common/xmpp/disco.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace tenet::xmpp {
namespace {

constexpr std::string_view kData = "jabber:x:data";

std::string value(const Element& element, std::string_view name) {
  const std::string* v = element.attribute(name);
  return v != nullptr ? *v : std::string();
}

std::string joined(std::vector<std::string> parts) {
  std::sort(parts.begin(), parts.end());  // by octets: "i;octet" (XEP-0115 section 5.1)
  std::string out;
  for (const std::string& part : parts) out += part + "<";
  return out;
}

std::vector<std::string> values(const Element& field) {
  std::vector<std::string> out;
  for (const Element& child : field.children) {
    if (child.name == "value") out.push_back(child.text);
  }
  return out;
}

// Step 7: a form by its FORM_TYPE, its fields by their names; nothing without a FORM_TYPE.
std::string form_text(const Element& form) {
  std::string type;
  std::vector<std::pair<std::string, std::string>> fields;
  for (const Element& field : form.children) {
    if (field.name != "field") continue;
    if (value(field, "var") == "FORM_TYPE") {
      type = joined(values(field));
    } else {
      fields.emplace_back(value(field, "var"), joined(values(field)));
    }
  }
  if (type.empty()) return {};
  std::sort(fields.begin(), fields.end());
  for (const auto& [name, text] : fields) type.append(name).append("<").append(text);
  return type;
}

std::string sha1_base64(const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
    return {};  // a FIPS provider without SHA-1: no caps then
  }
  std::array<unsigned char, 64> out{};
  const int length = EVP_EncodeBlock(out.data(), digest.data(), static_cast<int>(size));
  return {reinterpret_cast<const char*>(out.data()), static_cast<std::size_t>(length)};
}

}  // namespace

Element disco_info(const std::string& category, const std::string& type, const std::string& name,
                   std::vector<std::string> features) {
  std::sort(features.begin(), features.end());
  features.erase(std::unique(features.begin(), features.end()), features.end());
  Element out{"query", std::string(kDiscoInfo)};
  out.add("identity").set("category", category).set("type", type).set("name", name);
  for (std::string& feature : features) out.add("feature").set("var", std::move(feature));
  return out;
}

std::string caps_hash(const Element& info) {
  std::vector<std::string> identities;
  std::vector<std::string> features;
  std::vector<std::string> forms;
  for (const Element& child : info.children) {
    if (child.name == "identity") {
      identities.push_back(value(child, "category") + "/" + value(child, "type") + "/" +
                           value(child, "xml:lang") + "/" + value(child, "name"));
    } else if (child.name == "feature") {
      features.push_back(value(child, "var"));
    } else if (child.name == "x" && child.xmlns == kData) {
      forms.push_back(form_text(child));
    }
  }
  std::sort(forms.begin(), forms.end());
  std::string text = joined(std::move(identities)) + joined(std::move(features));
  for (const std::string& form : forms) text += form;
  return sha1_base64(text);
}

Element caps(const std::string& node, const Element& info) {
  Element out{"c", std::string(kCaps)};
  out.set("hash", "sha-1").set("node", node).set("ver", caps_hash(info));
  return out;
}

}  // namespace tenet::xmpp
