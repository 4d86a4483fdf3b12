#include "console/console_config.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/core/text.h"
#include "common/net/random.h"
#include "common/runtime/config.h"
#include "common/xmpp/xmpp_config.h"
#include "console/endpoint.h"

namespace tenet::console {
namespace {

using runtime::ConfigFile;
using runtime::Section;

constexpr std::chrono::milliseconds kLongestAttempt{10'000};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

// The first line of the file.
Result<std::string> read_password(const std::string& path) {
  std::ifstream file(path);
  std::string password;
  if (!std::getline(file, password) || password.empty()) {
    return fail(Code::configuration,
                "the password file " + path + " cannot be read, or its first line is empty",
                {.entry = path});
  }
  return password;
}

Result<void> check_readable(const std::string& path, const std::string& what) {
  if (path.empty() || std::ifstream(path)) return {};
  return fail(Code::configuration, "the " + what + " " + path + " cannot be read", {.entry = path});
}

// Who we are, none of it required: the command line may give what is missing.
struct FileValues {
  std::string jid;
  std::string password;
  std::string password_file;
};

FileValues read_xmpp(Section section, xmpp::SessionOptions& out) {
  FileValues values{section.text("jid"), section.text("password"), section.text("password-file")};
  if (!values.password.empty() && !values.password_file.empty()) {
    section.problem("password-file", "write password or password-file");
  }
  xmpp::read_connection(section, out);
  return values;
}

std::map<std::string, xmpp::Jid, std::less<>> read_agents(Section section) {
  std::map<std::string, xmpp::Jid, std::less<>> out;
  for (const Attribute& row : section.element("agents", {}).attributes) {
    auto jid = xmpp::Jid::parse(row.value);
    if (!jid) {
      section.problem(row.name, jid.error().text);
    } else if (jid->local().empty()) {
      section.problem(row.name, "write user@domain or user@domain/resource");
    } else {
      out.emplace(row.name, *std::move(jid));
    }
  }
  return out;
}

Result<FileValues> read_file(const std::string& path, ConsoleConfig& out) {
  auto file = ConfigFile::load(path);
  if (!file) return fail(file.error());
  Section root = file->root();
  FileValues values = read_xmpp(root.table("xmpp"), out.xmpp);
  out.agents = AddressBook(read_agents(root.table("agents")));
  out.default_server = root.text("default-server");
  out.timeout = root.duration("timeout", out.timeout);
  if (auto finished = file->finish(); !finished) return fail(finished.error());

  std::error_code ignored;
  const auto mode = std::filesystem::status(path, ignored).permissions();
  constexpr auto kOthers = std::filesystem::perms::group_read | std::filesystem::perms::others_read;
  if (!values.password.empty() && mode != std::filesystem::perms::unknown &&
      (mode & kOthers) != std::filesystem::perms::none) {
    out.warnings.push_back(path + " holds a password and others can read it; run chmod 600 " +
                           path);
  }
  return values;
}

Result<xmpp::Jid> own_jid(const std::string& text, const std::string& config_path) {
  if (text.empty()) {
    return fail(Code::configuration,
                "who are you? Write jid in [xmpp] of " + config_path + ", or use --jid");
  }
  auto jid = xmpp::Jid::parse(text);
  if (!jid) return fail(Code::configuration, jid.error().text);
  if (jid->local().empty()) {
    return fail(Code::configuration, "'" + text + "' is no account; write user@domain");
  }
  return jid->with_resource("tenetctl-" + net::random_id().substr(0, 12));
}

// From the most particular source that has one.
Result<std::string> password_of(const Overrides& overrides, const Environment& environment,
                                const FileValues& file) {
  if (!overrides.password_file.empty()) return read_password(overrides.password_file);
  if (!environment.password.empty()) return environment.password;
  if (!file.password_file.empty()) return read_password(file.password_file);
  return file.password;
}

}  // namespace

Environment Environment::of_process() {
  return {variable("HOME"), variable("XDG_CONFIG_HOME"), variable("TENET_PASSWORD")};
}

std::string Environment::default_config() const {
  return (config_home.empty() ? home + "/.config" : config_home) + "/tenet/tenetctl.toml";
}

Result<ConsoleConfig> load_console_config(const Overrides& overrides,
                                          const Environment& environment) {
  ConsoleConfig out;
  FileValues values;
  const bool by_default = overrides.config.empty();
  const std::string path = by_default ? environment.default_config() : overrides.config;
  if (!by_default || std::ifstream(path)) {
    auto read = read_file(path, out);
    if (!read) return fail(read.error());
    values = *std::move(read);
  }
  if (!overrides.brokers.empty()) out.xmpp.brokers.clear();
  for (const std::string& text : overrides.brokers) {
    auto broker = parse_broker(text);
    if (!broker) return fail(broker.error());
    out.xmpp.brokers.push_back(*std::move(broker));
  }
  if (!overrides.ca_file.empty()) out.xmpp.ca_file = overrides.ca_file;
  if (overrides.timeout_seconds) out.timeout = std::chrono::seconds(*overrides.timeout_seconds);

  auto jid = own_jid(overrides.jid.empty() ? values.jid : overrides.jid, path);
  if (!jid) return fail(jid.error());
  out.xmpp.jid = *std::move(jid);
  auto password = password_of(overrides, environment, values);
  if (!password) return fail(password.error());
  out.xmpp.password = *std::move(password);
  if (out.xmpp.password.empty() && out.xmpp.certificate_file.empty()) {
    return fail(Code::configuration, "there is no password for " + out.xmpp.jid.bare().text() +
                                         ": write password-file in [xmpp] of " + path +
                                         ", use --password-file, or set TENET_PASSWORD");
  }
  for (const auto& [file, what] : {std::pair{out.xmpp.ca_file, "CA file"},
                                   {out.xmpp.certificate_file, "certificate file"},
                                   {out.xmpp.key_file, "key file"}}) {
    if (auto readable = check_readable(file, what); !readable) return fail(readable.error());
  }
  // So that an attempt that hangs says where before the whole time is over.
  out.xmpp.connect_timeout = std::min(kLongestAttempt, out.timeout - out.timeout / 10);
  out.xmpp.client_name = "tenetctl";
  out.xmpp.client_category = "client";
  out.xmpp.client_type = "console";
  return out;
}

}  // namespace tenet::console
