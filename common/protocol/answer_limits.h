// What an answer leaves out if it would not fit into a stanza (PROTOCOL.md section 4).
#pragma once

#include <cstddef>
#include <vector>

#include "common/core/element.h"
#include "common/core/operation.h"

namespace tenet::protocol {

// Keeps the nodes from the beginning that fit, one at least. The rest will be asked for again.
void keep_first_nodes(std::vector<Element>& nodes);

// The refusals among the results, with the places that each is about, counted from zero. Equal ones
// are one. Those past the limit lose text and witness, and keep their code.
struct SharedRefusal {
  Error error;
  std::vector<std::size_t> places;
};
std::vector<SharedRefusal> shared_refusals(const std::vector<OperationResult>& results);

}  // namespace tenet::protocol
