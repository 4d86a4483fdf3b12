#include "common/xmpp/features.h"

#include <string_view>

namespace tenet::xmpp {
namespace {

constexpr std::string_view kTls = "urn:ietf:params:xml:ns:xmpp-tls";
constexpr std::string_view kSasl = "urn:ietf:params:xml:ns:xmpp-sasl";
constexpr std::string_view kBind = "urn:ietf:params:xml:ns:xmpp-bind";

bool offers(const Element& mechanisms, std::string_view name) {
  for (const Element& m : mechanisms.children) {
    if (m.name == "mechanism" && m.text == name) return true;
  }
  return false;
}

std::string list_of(const Element& mechanisms) {
  std::string out;
  for (const Element& m : mechanisms.children) out += (out.empty() ? "" : ", ") + m.text;
  return out.empty() ? "nothing" : out;
}

}  // namespace

Result<void> check_features(const Element& features, const LoginState& state,
                            const std::string& broker) {
  const auto refuse = [&](const std::string& text) -> Result<void> {
    return fail(Code::configuration, broker + " " + text, {.entry = broker});
  };
  if (state.needs_tls) {
    if (features.child("starttls", kTls) != nullptr) return {};
    return refuse("does not offer STARTTLS: enable TLS there; there is no login without it");
  }
  if (state.authenticated) {
    if (features.child("bind", kBind) != nullptr) return {};
    return refuse("does not offer resource binding after the login: is it a client port?");
  }
  const Element* mechanisms = features.child("mechanisms", kSasl);
  if (mechanisms == nullptr && features.child("starttls", kTls) != nullptr) {
    return refuse("offers no login before STARTTLS: configure tls = \"starttls\" for it");
  }
  const Element none{"mechanisms", std::string(kSasl)};
  const Element& offered = mechanisms != nullptr ? *mechanisms : none;
  if (!state.password) {
    if (offers(offered, "EXTERNAL")) return {};
    return refuse("does not offer SASL EXTERNAL to our client certificate (it offers " +
                  list_of(offered) +
                  "): let it verify client certificates, or configure a password");
  }
  if (offers(offered, "SCRAM-SHA-1")) return {};
  if (offers(offered, "SCRAM-SHA-1-PLUS") && state.channel_binding) return {};
  return refuse("does not offer SASL SCRAM-SHA-1 (it offers " + list_of(offered) +
                "): enable it there; the password is never sent in the clear");
}

}  // namespace tenet::xmpp
