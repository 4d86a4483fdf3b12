// The friendly verbs as a table: each a row that says which command of which agent it stands for,
// and how its arguments become the command's fields. Adding a verb: one row.
#pragma once

#include <string>
#include <vector>

#include "console/fields.h"

namespace tenet::console {

// An argument of a verb. The name decides what it is: "VNID" stands in order, "--mac" is an option,
// and an option with a constant is a flag that sets it.
struct VerbArgument {
  std::string name;
  std::string field;  // of the command's form
  std::string help;
  Source source = Source::text;
  bool required = false;
  std::string constant = {};

  bool flag() const { return !constant.empty(); }
};

// Which agent the command goes to.
enum class Target {
  server,     // --server, or default-server of the configuration
  device,     // the first argument
  migration,  // --to, and --from for the other half
};

struct Verb {
  std::string group;  // "network"; empty: the verb stands alone
  std::string name;
  std::string node;
  Target target = Target::server;
  std::string summary;  // a sentence
  std::string example;
  std::vector<VerbArgument> arguments;
};

struct VerbGroup {
  std::string name;
  std::string summary;
};

const std::vector<VerbGroup>& verb_groups();
const std::vector<Verb>& verbs();

// The command's fields, from what was given for each of the verb's arguments, in their order.
// Several addresses become one text; a flag has any value if it was given.
std::vector<FieldInput> fields_of(const Verb& verb,
                                  const std::vector<std::vector<std::string>>& given);

}  // namespace tenet::console
