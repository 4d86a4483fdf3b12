#include "common/core/vnid.h"

#include "common/core/text.h"

namespace tenet {

Result<Vnid> Vnid::parse(std::string_view text) {
  const auto dot = text.find('.');
  const auto id = parse_unsigned(text.substr(0, dot), kMaxId);
  const auto version = dot == std::string_view::npos ? std::optional<std::uint64_t>(0)
                                                     : parse_unsigned(text.substr(dot + 1), 255);
  if (!id || !version) {
    return fail(Code::invalid,
                "'" + std::string(text) +
                    "' is not a VNID: write an id from 0 to 16777215, and for a version other "
                    "than 0 a dot and the version from 0 to 255, like 4096 or 4096.2",
                {.entry = "vnid " + std::string(text)});
  }
  return Vnid(static_cast<std::uint32_t>(*id), static_cast<std::uint8_t>(*version));
}

std::string Vnid::text() const {
  std::string out = std::to_string(id_);
  if (version_ != 0) out += "." + std::to_string(version_);
  return out;
}

}  // namespace tenet
