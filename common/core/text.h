// Small strict parsers that every codec shares. None of them accepts surrounding white space,
// signs or leading zeros.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenet {

// A decimal number in [0, max], or nothing.
std::optional<std::uint64_t> parse_unsigned(std::string_view text, std::uint64_t max);
// "true" or "false" (also "1" and "0", the other lexical forms of xs:boolean).
std::optional<bool> parse_boolean(std::string_view text);
// The words between runs of white space.
std::vector<std::string_view> split_words(std::string_view text);
// The pieces between separators; an empty text has one empty piece.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string to_lower(std::string_view text);
// `count` and the noun, with an s unless it is one: "1 VM", "2 VMs".
std::string counted(std::uint64_t count, std::string_view noun);
// The length of the UTF-8 sequence at the start of `text`, which is not empty, that encodes a
// character XML 1.0 allows (section 2.2), or 0 if there is none.
std::size_t xml_character(std::string_view text);
// True for 1..max characters of [A-Za-z0-9._:/-] that begin with a letter or digit: identifiers
// of VMs and of ports.
bool is_identifier(std::string_view text, std::size_t max);

}  // namespace tenet
