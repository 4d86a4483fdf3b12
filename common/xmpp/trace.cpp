#include "common/xmpp/trace.h"

#include <array>

namespace tenet::xmpp {
namespace {

constexpr std::array<std::string_view, 4> kSasl{"auth", "challenge", "response", "success"};

bool is_sasl(std::string_view xml) {
  for (const std::string_view name : kSasl) {
    const std::string_view rest = xml.substr(1);
    if (rest.substr(0, name.size()) == name && rest.size() > name.size() &&
        std::string_view(" \t\r\n/>").find(rest[name.size()]) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string traceable(std::string_view xml) {
  std::string out;
  const auto end = xml.find('>');
  if (!xml.empty() && xml[0] == '<' && is_sasl(xml) && end != std::string_view::npos &&
      xml[end - 1] != '/') {
    const auto close = xml.rfind("</");
    out = std::string(xml.substr(0, end + 1)) + "...";
    if (close != std::string_view::npos) out += xml.substr(close);
  } else {
    out = std::string(xml);
  }
  std::string line;
  for (const char c : out) {
    if (c == '\n') {
      line += "&#xA;";
    } else if (c == '\r') {
      line += "&#xD;";
    } else {
      line += c;
    }
  }
  return line;
}

}  // namespace tenet::xmpp
