#include "server-agent/store/write_ahead.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/core/overloaded.h"

namespace tenet::server {
namespace {

template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// Whether nothing is wrong if the device gets it and this server forgets that it wanted it.
bool may_be_forgotten(const Operation& operation) {
  return std::visit(Overloaded{
                        [](const PolicySync&) { return false; },
                        [](const PolicyUpdate&) { return false; },
                        [](const PolicyWithdraw&) { return false; },
                        [](const Associate& o) { return !o.policy && !o.from; },
                        [](const Dissociate&) { return false; },
                    },
                    operation);
}

// Requests that are no batch change nothing, and do not depend on what is wanted.
bool may_precede(const Send& send) {
  const auto* batch = std::get_if<Batch>(&send.request);
  return batch == nullptr ||
         std::all_of(batch->operations.begin(), batch->operations.end(), may_be_forgotten);
}

}  // namespace

std::vector<Send> WriteAhead::take_ahead(ServerEffects& effects) const {
  // Not while the store fails, since that may last. And a device gets its requests in their order.
  const bool failing = !held_.store.empty() || !held_.sends.empty();
  if (failing || !std::all_of(effects.sends.begin(), effects.sends.end(), may_precede)) return {};
  return std::exchange(effects.sends, {});
}

Result<ServerEffects> WriteAhead::pass(ServerEffects effects) {
  // What came later counts.
  effects.store.networks.merge(held_.store.networks);
  effects.store.vms.merge(held_.store.vms);
  std::swap(held_.store, effects.store);
  append(held_.sends, effects.sends);
  append(held_.queries, effects.queries);
  append(held_.answers, effects.answers);
  append(held_.timers, effects.timers);
  if (!held_.store.empty()) {
    if (auto written = store_.write(held_.store); !written) return fail(written.error());
  }
  return std::exchange(held_, {});
}

}  // namespace tenet::server
