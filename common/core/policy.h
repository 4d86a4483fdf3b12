// The policy of one VNID: a revision and at most one entry of each kind.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/core/element.h"
#include "common/core/error.h"
#include "common/core/kinds/kinds.h"
#include "common/core/sha256.h"
#include "common/core/vnid.h"

namespace tenet {

using Revision = std::uint64_t;  // rises with every change; from 1

// Which document: the revision, and the digest of its content. Equal stamps mean equal policies.
struct PolicyStamp {
  Revision revision = 0;
  Sha256 content;
  bool operator==(const PolicyStamp&) const = default;
};

// A policy as the successor of another one of the same VNID.
enum class Succession {
  newer,        // a higher revision: it replaces the other
  same,         // the same document
  older,        // a lower revision: it changes nothing (law 3)
  conflicting,  // the same revision with other content
};
Succession succession(const PolicyStamp& now, const PolicyStamp& next);

class Policy {
 public:
  // Sorts the entries by kind. Precondition: at most one of each kind, revision > 0.
  Policy(Vnid vnid, Revision revision, std::vector<PolicyEntry> entries);
  // Errors: invalid, naming entry and attribute; also for unknown and repeated kinds.
  static Result<Policy> parse(const Element& element);
  Element format() const;

  Vnid vnid() const { return vnid_; }
  Revision revision() const { return stamp_.revision; }
  // The content digest covers VNID and entries in canonical form, but not the revision.
  const PolicyStamp& stamp() const { return stamp_; }
  const std::vector<PolicyEntry>& entries() const { return entries_; }
  std::vector<Intent> compile() const;
  // Of its canonical text.
  std::size_t wire_bytes() const;

  bool operator==(const Policy& other) const {
    return vnid_ == other.vnid_ && stamp_ == other.stamp_;
  }

 private:
  Vnid vnid_;
  std::vector<PolicyEntry> entries_;
  PolicyStamp stamp_;
  std::size_t entry_bytes_ = 0;  // of the canonical text
};

// Shared between desired state, operations in flight and what a device has.
using PolicyPtr = std::shared_ptr<const Policy>;

// The canonical text of an element: no white space between tags, attributes in the order given,
// in double quotes, & < > " escaped. What digests are computed over.
std::string canonical_text(const Element& element);

}  // namespace tenet
