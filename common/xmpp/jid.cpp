#include "common/xmpp/jid.h"

#include <algorithm>

namespace tenet::xmpp {
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
  Parts jid;
  std::string_view rest = text;
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    jid.resource = std::string(rest.substr(slash + 1));
    rest = rest.substr(0, slash);
    if (jid.resource.empty()) return bad("the resource is empty");
    if (jid.resource.size() > 1023) return bad("the resource is longer than 1023 bytes");
    if (std::any_of(jid.resource.begin(), jid.resource.end(),
                    [](unsigned char c) { return c < 32 || c == 127; })) {
      return bad("the resource holds a control character");
    }
  }
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    jid.local = fold(rest.substr(0, at));
    rest = rest.substr(at + 1);
    if (jid.local.empty()) return bad("the part before the @ is empty");
    if (jid.local.size() > 1023) return bad("the part before the @ is longer than 1023 bytes");
    if (jid.local.find_first_of("\"&':<>") != std::string::npos) {
      return bad("the part before the @ holds one of \" & ' : < >");
    }
  }
  jid.domain = fold(rest);
  if (jid.domain.empty()) return bad("the domain is empty");
  if (jid.domain.size() > 1023) return bad("the domain is longer than 1023 bytes");
  if (jid.domain.find('@') != std::string::npos) return bad("it holds more than one @");
  if (has_control_or_space(jid.domain) || has_control_or_space(jid.local)) {
    return bad("it holds a space or a control character");
  }
  Jid out;
  out.parts_ = std::make_shared<const Parts>(std::move(jid));
  return out;
}

const Jid::Parts& Jid::parts() const {
  static const Parts kNone;
  return parts_ ? *parts_ : kNone;
}

Jid Jid::bare() const {
  return is_bare() ? *this : with_resource({});
}

Jid Jid::with_resource(std::string resource) const {
  Jid out;
  out.parts_ = std::make_shared<const Parts>(Parts{local(), domain(), std::move(resource)});
  return out;
}

std::string Jid::text() const {
  std::string out;
  if (!local().empty()) out = local() + "@";
  out += domain();
  if (!is_bare()) out += "/" + resource();
  return out;
}

PeerId peer_id(const Jid& jid) {
  return PeerId(jid.text());
}

PeerId account_id(const Jid& jid) {
  return PeerId(jid.bare().text());
}

Result<PeerId> parse_peer(std::string_view text) {
  return Jid::parse(text).map(peer_id);
}

Result<PeerId> parse_account(std::string_view text) {
  return Jid::parse(text).map(account_id);
}

}  // namespace tenet::xmpp
