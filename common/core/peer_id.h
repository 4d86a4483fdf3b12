// Whom an agent talks to, by the name that the carrier gives: the address of an account, a station
// at a port. Opaque: it is compared, stored and shown, and nothing is read out of it. A carrier has
// one text for each peer, so that equal names mean the same peer.
#pragma once

#include <compare>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/core/error.h"

namespace tenet {

class PeerId {
 public:
  PeerId() = default;
  explicit PeerId(std::string text)
      : text_(text.empty() ? nullptr : std::make_shared<const std::string>(std::move(text))) {}

  const std::string& text() const {
    static const std::string kNone;
    return text_ ? *text_ : kNone;
  }
  bool empty() const { return text_ == nullptr; }

  bool operator==(const PeerId& other) const {
    return text_ == other.text_ || text() == other.text();
  }
  std::strong_ordering operator<=>(const PeerId& other) const {
    return text_ == other.text_ ? std::strong_ordering::equal : text() <=> other.text();
  }

 private:
  std::shared_ptr<const std::string> text_;  // copies share it; nullptr: empty
};

// Reads a name in a message or a file: what a name may look like is up to the carrier. Errors:
// invalid.
using PeerParser = Result<PeerId> (*)(std::string_view text);

}  // namespace tenet
