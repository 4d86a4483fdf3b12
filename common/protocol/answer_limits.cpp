#include "common/protocol/answer_limits.h"

#include <algorithm>
#include <utility>

#include "common/core/policy.h"

namespace tenet::protocol {
namespace {

constexpr std::size_t kMaxAnswerBytes = 40'960;
constexpr std::size_t kRefusalMarkup = 200;  // around text and witness

}  // namespace

void keep_first_nodes(std::vector<Element>& nodes) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    bytes += canonical_text(nodes[i]).size();
    if (i == 0 || bytes <= kMaxAnswerBytes) continue;
    nodes.resize(i);
    return;
  }
}

std::vector<SharedRefusal> shared_refusals(const std::vector<OperationResult>& results) {
  std::vector<SharedRefusal> out;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!results[i]) continue;
    Error error = *results[i];
    if (bytes > kMaxAnswerBytes / 2) error = {error.code, {}, {}};
    const auto same = std::find_if(out.begin(), out.end(),
                                   [&](const SharedRefusal& r) { return r.error == error; });
    if (same != out.end()) {
      same->places.push_back(i);
      continue;
    }
    bytes += describe(error).size() + kRefusalMarkup;
    out.push_back({std::move(error), {i}});
  }
  return out;
}

}  // namespace tenet::protocol
