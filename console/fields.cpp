#include "console/fields.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "common/core/text.h"

namespace tenet::console {
namespace {

// More fits into no stanza; a wrong path (a disk image, /dev/zero) shall not eat the memory.
constexpr std::size_t kMaxFileBytes = 4'194'304;

Result<std::string> read_all(std::istream& in, const std::string& name) {
  std::string out;
  std::string chunk(65'536, '\0');
  while (in.read(chunk.data(), static_cast<std::streamsize>(chunk.size())) || in.gcount() > 0) {
    out.append(chunk, 0, static_cast<std::size_t>(in.gcount()));
    if (out.size() > kMaxFileBytes) {
      return fail(Code::configuration, name + " is larger than " + std::to_string(kMaxFileBytes) +
                                           " bytes; no command takes that much");
    }
  }
  if (in.bad()) return fail(Code::configuration, name + " cannot be read");
  return out;
}

Result<std::string> read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  // A directory opens, but cannot be read.
  if (!file || (file.peek() == std::ifstream::traits_type::eof() && errno != 0)) {
    return fail(Code::configuration,
                "the file " + path + " cannot be read: " + std::strerror(errno), {.entry = path});
  }
  file.clear();
  return read_all(file, "the file " + path);
}

Result<std::string> value_of(const FieldInput& field, const AddressBook& agents,
                             std::istream& standard_input) {
  switch (field.source) {
    case Source::text:
      break;
    case Source::file:
      return read_file(field.value);
    case Source::standard_input:
      return read_all(standard_input, "standard input");
    case Source::server:
    case Source::device: {
      const auto kind = field.source == Source::server ? AgentKind::server : AgentKind::device;
      auto jid = agents.find(field.value, kind);
      if (!jid) return fail(jid.error());
      return jid->text();
    }
  }
  return field.value;
}

bool takes_lines(const xmpp::FormField& field) {
  return field.type == "text-multi";
}

bool takes_many(const xmpp::FormField& field) {
  return takes_lines(field) || field.type == "list-multi" || field.type == "jid-multi";
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::string_view line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    out.emplace_back(line);
  }
  if (out.back().empty()) out.pop_back();  // what follows the last newline is no line
  return out;
}

}  // namespace

Result<FieldInput> parse_field(std::string_view argument) {
  const auto equals = argument.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return fail(Code::configuration,
                "'" + std::string(argument) + "' is no field; write name=value, like vnid=4096",
                {.entry = std::string(argument)});
  }
  FieldInput out{std::string(argument.substr(0, equals)), {}};
  std::string_view value = argument.substr(equals + 1);
  if (value == "-") {
    out.source = Source::standard_input;
    return out;
  }
  if (value.starts_with("@@")) {
    value.remove_prefix(1);
  } else if (value.starts_with('@')) {
    value.remove_prefix(1);
    out.source = Source::file;
    if (value.empty()) {
      return fail(Code::configuration,
                  "the field " + out.name + " names no file after @; write @@ for the sign itself",
                  {.entry = out.name});
    }
  }
  out.value = std::string(value);
  return out;
}

Result<xmpp::FormValues> read_fields(const std::vector<FieldInput>& fields,
                                     const AddressBook& agents, std::istream& standard_input) {
  xmpp::FormValues out;
  std::string input_taken_by;
  for (FieldInput field : fields) {
    if (field.source == Source::file && field.value == "-") field.source = Source::standard_input;
    if (field.source == Source::standard_input) {
      if (!input_taken_by.empty()) {
        return fail(Code::configuration,
                    "the fields " + input_taken_by + " and " + field.name +
                        " cannot both come from standard input; write one of them as a file",
                    {.entry = field.name});
      }
      input_taken_by = field.name;
    }
    auto value = value_of(field, agents, standard_input);
    if (!value) return fail(value.error());
    out[field.name].push_back(*std::move(value));
  }
  return out;
}

Result<xmpp::Form> fill(const xmpp::Form& form, const xmpp::FormValues& given) {
  std::vector<std::string> names;
  for (const xmpp::FormField& field : form.fields) {
    if (field.type != "fixed" && field.type != "hidden") names.push_back(field.var);
  }
  for (const auto& [name, values] : given) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    return fail(Code::configuration,
                "the command has no field '" + name + "'; " +
                    (names.empty() ? "it has none at all" : "it has " + join(names, ", ")),
                {.entry = name});
  }
  xmpp::Form out{"submit"};
  for (const xmpp::FormField& field : form.fields) {
    if (field.type == "fixed") continue;
    xmpp::FormField filled{field.var, field.type, {}, field.values};
    if (const auto found = given.find(field.var); found != given.end()) {
      filled.values.clear();
      for (const std::string& value : found->second) {
        const auto pieces = takes_lines(field) ? lines_of(value) : std::vector<std::string>{value};
        filled.values.insert(filled.values.end(), pieces.begin(), pieces.end());
      }
      if (filled.values.size() > 1 && !takes_many(field)) {
        return fail(Code::configuration, "the field " + field.var + " takes one value only",
                    {.entry = field.var});
      }
    }
    if (!filled.values.empty()) out.fields.push_back(std::move(filled));
  }
  return out;
}

}  // namespace tenet::console
