// Errors are values: a code, a text that names the culprit and says what to do, and a witness.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace tenet {

// All travel on the wire (PROTOCOL.md 5.1); agents refuse with the first ten.
enum class Code {
  invalid,          // the document, field or value is malformed
  policy_conflict,  // contradicts the device's own configuration, or another document
  no_resources,     // the device's capacity is exhausted
  unsupported,      // the device cannot enforce this
  unknown_vnid,     // no policy of that VNID is present
  stale_revision,   // an older revision than the one in force
  stale_epoch,      // an older (epoch, seq) than the one already applied
  vm_conflict,      // the VM or its MAC belongs to somebody else
  forbidden,        // the sender has no right to do this
  busy,             // temporary; the same request may succeed later
  unreachable,      // the peer is offline or the connection was lost: the outcome is unknown
  timeout,          // no answer in time: the outcome is unknown
  not_found,        // the named object does not exist
  configuration,    // the configuration file is wrong
  io,               // the operating system, the disk or the database failed
};

// What proves a refusal. Every field is text as the operator would write it; empty ones are absent.
struct Witness {
  std::string entry = {};      // the culprit in the request: "acl rule 10"
  std::string against = {};    // what it collides with: "baseline rule 5", "vm web-1 of server a@x"
  std::string packet = {};     // one packet that both treat differently
  std::string capacity = {};   // the exhausted capacity: "acl-entries"
  std::string requested = {};  // how much of it the request needs
  std::string available = {};  // how much of it is left
  bool operator==(const Witness&) const = default;
  bool empty() const { return *this == Witness{}; }
};

struct Error {
  Code code = Code::invalid;
  std::string text;
  Witness witness = {};
  bool operator==(const Error&) const = default;
};

template <class T>
using Result = tl::expected<T, Error>;

// `return fail(Code::invalid, "...")` from any function that returns a Result.
inline tl::unexpected<Error> fail(Code code, std::string text, Witness witness = {}) {
  return tl::unexpected<Error>(Error{code, std::move(text), std::move(witness)});
}
inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

// The name of the code, "policy-conflict" for Code::policy_conflict.
std::string_view code_name(Code code);
// The code with that name, if there is one.
std::optional<Code> code_of(std::string_view name);
// "policy-conflict: acl rule 10 ... [entry: acl rule 10; packet: ...]", for logs and consoles.
std::string describe(const Error& error);
// The witness as name and value pairs, absent fields left out, in the order of the struct.
std::vector<std::pair<std::string_view, std::string>> fields(const Witness& witness);
// Sets the field of that name. False if the witness has no such field.
bool set_field(Witness& witness, std::string_view name, std::string value);

}  // namespace tenet
