// How far what is wanted has got on one device, from the state of the link to it. Pure.
#pragma once

#include <optional>

#include "common/core/view.h"
#include "server-agent/core/desired.h"
#include "server-agent/core/effects.h"
#include "server-agent/core/link/outbox.h"
#include "server-agent/core/link/phase.h"

namespace tenet::server {

// What the answer rests on. Views of the link's own state.
struct LinkState {
  const DeviceName& device;
  Phase phase;
  bool verified;  // the digests were compared once: what is acknowledged is no assumption
  const DeviceView& acknowledged;
  const Outbox& outbox;
  const std::optional<Error>& error;  // what went wrong last
};

// `why`, if it is there, takes the reason.
ApplyStatus apply_status(const LinkState& link, const MemberKey& key, const Desired& desired,
                         std::optional<Error>* why);

}  // namespace tenet::server
