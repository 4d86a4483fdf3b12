// The fields of a command as operators give them, and where their values come from.
#pragma once

#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/error.h"
#include "common/xmpp/data_form.h"
#include "console/address_book.h"

namespace tenet::console {

enum class Source {
  text,            // as written
  file,            // the contents of that file; - is standard input
  standard_input,  // read to its end
  server,          // a server agent: JID or short name
  device,          // a device agent: JID or short name
};

struct FieldInput {
  std::string name;
  std::string value;
  Source source = Source::text;
  bool operator==(const FieldInput&) const = default;
};

// name=value, name=@FILE, name=- for standard input; name=@@... is the text "@...".
// Errors: configuration.
Result<FieldInput> parse_field(std::string_view argument);

// The values by field; a field given several times has several. Errors: configuration, for a file
// that cannot be read, an unknown agent, and standard input asked for twice.
Result<xmpp::FormValues> read_fields(const std::vector<FieldInput>& fields,
                                     const AddressBook& agents, std::istream& standard_input);

// The form of type submit: what is given, and the form's defaults. Lines of a text become the
// values of a text-multi field. Errors: configuration, for a field that the form lacks, and for
// several values of a field that takes one.
Result<xmpp::Form> fill(const xmpp::Form& form, const xmpp::FormValues& given);

}  // namespace tenet::console
