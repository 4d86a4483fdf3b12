// What the codecs of requests and of answers share. Private to this folder.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/attributes.h"
#include "common/core/message.h"
#include "common/protocol/names.h"

namespace tenet::protocol {

inline constexpr std::string_view kNumber = "a number from 0 to 18446744073709551615";
inline constexpr std::string_view kDigest = "64 hexadecimal digits";
inline constexpr std::string_view kIdentifier =
    "1 to 64 of A-Z a-z 0-9 . _ : / -, beginning with a letter or digit";

// An element of ours.
Element make(std::string_view name);
bool is(const Element& element, std::string_view name);
tl::unexpected<Error> unexpected_element(const Element& element, std::string_view inside);

// Readers of attribute values, for class Attributes.
std::optional<std::uint64_t> number(std::string_view text);
std::optional<std::string> identifier(const std::string& text);
inline auto path_of(std::size_t max) {
  return [max](const std::string& text) {
    return is_path(text, max) ? std::optional(text) : std::nullopt;
  };
}

Element sequence_element(std::string_view name, const Sequence& sequence);
Sequence read_sequence(Attributes& in);
Element root_element(std::string_view name, const Sha256& root);

void write_vm(Element& out, const Vm& vm);
// All of a VM but its id and state; `reserve` only where the element may carry it.
Vm read_vm(Attributes& in);
Result<VmPtr> finish_vm(Vm vm);
Element vm_element(const Vm& vm);
Result<VmPtr> parse_vm(const Element& element);
Result<PolicyPtr> read_policy(const Element& element);

// The element's name of a request, which its answer has too.
std::string_view request_name(const Request& request);

}  // namespace tenet::protocol
