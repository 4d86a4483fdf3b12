// What both agents do when their configuration is read again.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "common/carrier/carrier.h"
#include "common/core/error.h"
#include "common/observe/log.h"

namespace tenet::runtime {

// The configuration that was read, with its log in use already. Nothing if it is wrong: the log
// says so, and all stays as it is.
template <class Config>
std::optional<Config> accept_reload(Result<Config> next) {
  if (!next) {
    log::error("reload refused, the configuration stays as it was",
               {{"reason", next.error().text}});
    return std::nullopt;
  }
  if (auto configured = log::configure(next->log); !configured) {
    log::error("the log stays as it was", {{"reason", configured.error().text}});
  }
  return *std::move(next);
}

// Watches the peers of `next` instead of those of `before`.
inline void update_watched(carrier::Carrier& carrier, const std::vector<PeerId>& before,
                           const std::vector<PeerId>& next) {
  const auto lacks = [](const std::vector<PeerId>& list, const PeerId& peer) {
    return std::find(list.begin(), list.end(), peer) == list.end();
  };
  for (const PeerId& peer : before) {
    if (lacks(next, peer)) carrier.unwatch(peer);
  }
  for (const PeerId& peer : next) {
    if (lacks(before, peer)) carrier.watch(peer);
  }
}

}  // namespace tenet::runtime
