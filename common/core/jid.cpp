#include "common/core/jid.h"

#include <algorithm>

namespace tenet {
namespace {

std::string fold(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : char(c); });
  return out;
}

bool has_control_or_space(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= 32 || c == 127; });
}

}  // namespace

Result<Jid> Jid::parse(std::string_view text) {
  const auto bad = [&](const char* why) {
    return fail(Code::invalid, "'" + std::string(text) + "' is not an XMPP address: " + why,
                {.entry = std::string(text)});
  };
  Jid jid;
  std::string_view rest = text;
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    jid.resource_ = std::string(rest.substr(slash + 1));
    rest = rest.substr(0, slash);
    if (jid.resource_.empty()) return bad("the resource is empty");
    if (jid.resource_.size() > 1023) return bad("the resource is longer than 1023 bytes");
    if (std::any_of(jid.resource_.begin(), jid.resource_.end(),
                    [](unsigned char c) { return c < 32 || c == 127; })) {
      return bad("the resource holds a control character");
    }
  }
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    jid.local_ = fold(rest.substr(0, at));
    rest = rest.substr(at + 1);
    if (jid.local_.empty()) return bad("the part before the @ is empty");
    if (jid.local_.size() > 1023) return bad("the part before the @ is longer than 1023 bytes");
    if (jid.local_.find_first_of("\"&':<>") != std::string::npos) {
      return bad("the part before the @ holds one of \" & ' : < >");
    }
  }
  jid.domain_ = fold(rest);
  if (jid.domain_.empty()) return bad("the domain is empty");
  if (jid.domain_.size() > 1023) return bad("the domain is longer than 1023 bytes");
  if (jid.domain_.find('@') != std::string::npos) return bad("it holds more than one @");
  if (has_control_or_space(jid.domain_) || has_control_or_space(jid.local_)) {
    return bad("it holds a space or a control character");
  }
  return jid;
}

Jid Jid::bare() const {
  Jid out = *this;
  out.resource_.clear();
  return out;
}

Jid Jid::with_resource(std::string resource) const {
  Jid out = *this;
  out.resource_ = std::move(resource);
  return out;
}

std::string Jid::text() const {
  std::string out;
  if (!local_.empty()) out = local_ + "@";
  out += domain_;
  if (!resource_.empty()) out += "/" + resource_;
  return out;
}

}  // namespace tenet
