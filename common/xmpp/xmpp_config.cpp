#include "common/xmpp/xmpp_config.h"

#include <algorithm>
#include <fstream>

#include "common/core/text.h"

namespace tenet::xmpp {
namespace {

using runtime::Section;

const std::vector<std::string> kTlsModes{"starttls", "direct", "plaintext"};

net::TlsMode tls_mode(const std::string& name) {
  if (name == "direct") return net::TlsMode::direct;
  if (name == "plaintext") return net::TlsMode::plaintext;
  return net::TlsMode::starttls;
}

// The first line of the file, so that passwords need not stand in the configuration.
std::string read_password(Section& section) {
  std::string password = section.text("password");
  const std::string path = section.text("password-file");
  if (path.empty()) return password;
  if (!password.empty()) section.problem("password-file", "write password or password-file");
  std::ifstream file(path);
  if (!std::getline(file, password) || password.empty()) {
    section.problem("password-file", path + " cannot be read, or its first line is empty");
  }
  return password;
}

// A file that must be there, since a wrong path would show only at the first connection.
std::string read_path(Section& section, std::string_view key) {
  std::string path = section.text(key);
  if (!path.empty() && !std::ifstream(path)) section.problem(key, path + " cannot be read");
  return path;
}

}  // namespace

void read_connection(Section& section, SessionOptions& out) {
  for (Section& broker : section.tables("brokers")) {
    net::Broker b;
    b.host = broker.required_text("host");
    b.tls = tls_mode(broker.choice("tls", kTlsModes, "starttls"));
    const std::uint16_t port = b.tls == net::TlsMode::direct ? 5223 : 5222;
    b.port = static_cast<std::uint16_t>(broker.number("port", port, 1, 65535));
    out.brokers.push_back(std::move(b));
  }
  out.ca_file = read_path(section, "ca-file");
  out.certificate_file = read_path(section, "certificate-file");
  out.key_file = read_path(section, "key-file");
  if (out.certificate_file.empty() != out.key_file.empty()) {
    section.problem("certificate-file", "write certificate-file and key-file together");
  }
  out.nameservers = section.texts("nameservers");
  out.max_stanza_bytes =
      section.number("max-stanza-bytes", out.max_stanza_bytes, 16'384, 16'777'216);
  out.connect_timeout = section.duration("connect-timeout", out.connect_timeout);
  out.keepalive = section.duration("keepalive", out.keepalive);
  out.reconnect_min = section.duration("reconnect-min", out.reconnect_min);
  out.reconnect_max = section.duration("reconnect-max", out.reconnect_max);
  if (out.reconnect_max < out.reconnect_min) {
    section.problem("reconnect-max", "it is shorter than reconnect-min");
  }
}

SessionOptions read_xmpp(Section section, const std::string& resource) {
  SessionOptions out;
  const std::string name = section.required_text("jid");
  const std::string own_resource = section.text("resource", resource);
  if (!name.empty()) {
    auto jid = Jid::parse(name);
    if (!jid) {
      section.problem("jid", jid.error().text);
    } else if (jid->local().empty()) {
      section.problem("jid", "write user@domain");
    } else {
      out.jid = jid->is_bare() ? jid->with_resource(own_resource) : *jid;
    }
  }
  out.password = read_password(section);
  read_connection(section, out);
  if (out.password.empty() && out.certificate_file.empty()) {
    section.problem("password", "write password, password-file, or certificate-file and key-file");
  }
  return out;
}

std::set<PeerId> read_accounts(Section& section, std::string_view key) {
  std::set<PeerId> out;
  for (const std::string& name : section.texts(key)) {
    auto jid = Jid::parse(name);
    if (!jid || !jid->is_bare()) {
      section.problem(key,
                      jid ? "'" + name + "' has a resource; write user@domain" : jid.error().text);
    } else {
      out.insert(peer_id(*jid));
    }
  }
  return out;
}

std::vector<PeerId> read_peers(Section& root, std::string_view key, const std::string& resource) {
  std::vector<PeerId> out;
  for (Section& peer : root.tables(key)) {
    const std::string name = peer.required_text("jid");
    if (name.empty()) continue;
    auto jid = Jid::parse(name);
    if (!jid) {
      peer.problem("jid", jid.error().text);
      continue;
    }
    const PeerId full = peer_id(jid->is_bare() ? jid->with_resource(resource) : *jid);
    if (std::find(out.begin(), out.end(), full) != out.end()) {
      peer.problem("jid", full.text() + " is there twice");
      continue;
    }
    out.push_back(full);
  }
  return out;
}

}  // namespace tenet::xmpp
