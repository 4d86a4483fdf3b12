#include "console/endpoint.h"

#include "common/core/text.h"

namespace tenet::console {

Result<net::TlsMode> parse_tls_mode(std::string_view name) {
  if (name == "starttls") return net::TlsMode::starttls;
  if (name == "direct") return net::TlsMode::direct;
  if (name == "plaintext") return net::TlsMode::plaintext;
  return fail(Code::configuration,
              "'" + std::string(name) + "' is no TLS mode; write starttls, direct or plaintext");
}

Result<net::Broker> parse_broker(std::string_view text) {
  const auto bad = [&](const std::string& why) {
    return fail(Code::configuration, "the broker '" + std::string(text) + "': " + why +
                                         "; write HOST, HOST:PORT or HOST:PORT:direct");
  };
  net::Broker out;
  std::string_view rest = text;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return bad("the bracket is not closed");
    out.host = std::string(rest.substr(1, end - 1));
    rest.remove_prefix(end + 1);
    if (!rest.empty() && rest.front() != ':') return bad("a colon is missing after the bracket");
  } else {
    const auto end = std::min(rest.find(':'), rest.size());
    out.host = std::string(rest.substr(0, end));
    rest.remove_prefix(end);
  }
  if (out.host.empty()) return bad("the host is empty");
  bool has_port = false;
  if (!rest.empty()) {
    const auto pieces = split(rest.substr(1), ':');
    if (pieces.size() > 2) return bad("it has too many colons; put an IPv6 address in brackets");
    const auto port = parse_unsigned(pieces[0], 65'535);
    if (port && *port > 0) {
      out.port = static_cast<std::uint16_t>(*port);
      has_port = true;
    } else if (pieces.size() == 2) {
      return bad("the port is not a number from 1 to 65535");
    }
    if (!has_port || pieces.size() == 2) {
      const auto mode = parse_tls_mode(pieces.back());
      if (!mode) return bad("'" + std::string(pieces.back()) + "' is neither port nor TLS mode");
      out.tls = *mode;
    }
  }
  if (!has_port && out.tls == net::TlsMode::direct) out.port = 5223;
  return out;
}

}  // namespace tenet::console
