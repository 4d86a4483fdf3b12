// The identifier of a tenant's virtual network: 24 bits, and an 8-bit version beside it (EP
// 2728470's VSI Type ID and VSI Type Version, figure 11; IEEE 802.1Qbg clause 41.2.1).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/core/error.h"

namespace tenet {

class Vnid {
 public:
  static constexpr std::uint32_t kMaxId = 0xFFFFFF;

  Vnid() = default;
  // Precondition: id <= kMaxId.
  constexpr explicit Vnid(std::uint32_t id, std::uint8_t version = 0)
      : id_(id), version_(version) {}
  // "4096" (version 0) or "4096.2". Errors: invalid, naming text and range.
  static Result<Vnid> parse(std::string_view text);

  std::uint32_t id() const { return id_; }
  std::uint8_t version() const { return version_; }
  std::string text() const;
  auto operator<=>(const Vnid&) const = default;

 private:
  std::uint32_t id_ = 0;
  std::uint8_t version_ = 0;
};

}  // namespace tenet
