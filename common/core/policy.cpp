#include "common/core/policy.h"

#include <algorithm>
#include <limits>

#include "common/core/attributes.h"
#include "common/core/kinds/format.h"
#include "common/core/text.h"

namespace tenet {
namespace {

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
}

void append_canonical(std::string& out, const Element& element) {
  out += "<" + element.name;
  for (const Attribute& a : element.attributes) {
    out += " " + a.name + "=\"";
    append_escaped(out, a.value);
    out += '"';
  }
  if (element.children.empty() && element.text.empty()) {
    out += "/>";
    return;
  }
  out += '>';
  append_escaped(out, element.text);
  for (const Element& child : element.children) append_canonical(out, child);
  out += "</" + element.name + ">";
}

std::string known_kinds() {
  std::vector<std::string> names;
  for (const KindRow& row : kinds()) names.emplace_back(row.name);
  return join(names, ", ");
}

}  // namespace

std::string canonical_text(const Element& element) {
  std::string out;
  append_canonical(out, element);
  return out;
}

Policy::Policy(Vnid vnid, Revision revision, std::vector<PolicyEntry> entries)
    : vnid_(vnid), entries_(std::move(entries)) {
  std::sort(entries_.begin(), entries_.end(),
            [](const PolicyEntry& a, const PolicyEntry& b) { return a.index() < b.index(); });
  std::string content = "policy " + vnid.text() + "\n";
  for (const PolicyEntry& entry : entries_) {
    const std::string text = canonical_text(kinds()[entry.index()].format(entry));
    entry_bytes_ += text.size();
    content += text + "\n";
  }
  stamp_ = {revision, Sha256::of(content)};
}

std::size_t Policy::wire_bytes() const {
  const std::string_view frame = entries_.empty() ? "<policy vnid=\"\" revision=\"\"/>"
                                                  : "<policy vnid=\"\" revision=\"\"></policy>";
  return frame.size() + vnid_.text().size() + std::to_string(stamp_.revision).size() + entry_bytes_;
}

Succession succession(const PolicyStamp& now, const PolicyStamp& next) {
  if (next.revision > now.revision) return Succession::newer;
  if (next.revision < now.revision) return Succession::older;
  return next.content == now.content ? Succession::same : Succession::conflicting;
}

Result<Policy> Policy::parse(const Element& element) {
  if (element.name != "policy" || element.xmlns != kPolicyNamespace) {
    return fail(Code::invalid,
                "the document is <" + element.name + " xmlns='" + element.xmlns +
                    "'>; write <policy xmlns='" + std::string(kPolicyNamespace) + "'>",
                {.entry = element.name});
  }
  Attributes in(element);
  const Vnid vnid = in.required_result<Vnid>("vnid", Vnid::parse);
  const auto revision = in.required<Revision>(
      "revision", "a number from 1 to 18446744073709551615", [](std::string_view t) {
        const auto n = parse_unsigned(t, std::numeric_limits<Revision>::max());
        return n && *n > 0 ? n : std::nullopt;
      });
  if (auto error = in.finish(false)) return fail(*error);

  std::vector<PolicyEntry> entries;
  std::vector<bool> seen(kinds().size());
  for (const Element& child : element.children) {
    const KindRow* row = child.xmlns == kPolicyNamespace ? find_kind(child.name) : nullptr;
    if (row == nullptr) {
      return fail(Code::invalid,
                  "the policy kind " + child.name + " is unknown; known are " + known_kinds(),
                  {.entry = child.name});
    }
    auto entry = row->parse(child);
    if (!entry) return fail(entry.error());
    if (seen[entry->index()]) {
      return fail(Code::invalid, "the policy kind " + child.name + " is there more than once",
                  {.entry = child.name});
    }
    seen[entry->index()] = true;
    entries.push_back(*std::move(entry));
  }
  return Policy(vnid, revision, std::move(entries));
}

Element Policy::format() const {
  Element out{"policy", std::string(kPolicyNamespace)};
  out.set("vnid", vnid_.text()).set("revision", std::to_string(stamp_.revision));
  for (const PolicyEntry& entry : entries_) out.add(kinds()[entry.index()].format(entry));
  return out;
}

std::vector<Intent> Policy::compile() const {
  std::vector<Intent> out;
  for (const PolicyEntry& entry : entries_) kinds()[entry.index()].compile(entry, vnid_, out);
  return out;
}

}  // namespace tenet
