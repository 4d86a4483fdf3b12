// Effects wait for the store: what is not durable must not be reported to operators (law 1).
//
// Plain associations do not wait: the device works on them while our own store syncs. If the server
// ends in between, it has lost a VM that the device may have; the digests show that, and no
// operator has seen the VM reported. Policies wait: a device with a revision that its server lost
// would refuse the one before (law 3). Removals and takeovers wait too, since what they end would
// have to be built up again.
#pragma once

#include "common/core/error.h"
#include "server-agent/core/effects.h"

namespace tenet::server {

// Where what is wanted becomes durable.
class DesiredStore {
 public:
  DesiredStore() = default;
  virtual ~DesiredStore() = default;
  DesiredStore(const DesiredStore&) = delete;
  DesiredStore& operator=(const DesiredStore&) = delete;

  // Durable when it returns. Errors: io, and then nothing is written.
  virtual Result<void> write(const ServerChanges& changes) = 0;

 protected:
  DesiredStore(DesiredStore&&) = default;
  DesiredStore& operator=(DesiredStore&&) = default;
};

class WriteAhead {
 public:
  // The store must outlive this.
  explicit WriteAhead(DesiredStore& store) : store_(store) {}

  // Takes out the requests that need not wait: all of them, or none.
  std::vector<Send> take_ahead(ServerEffects& effects) const;
  // What may show now: these effects, and what an earlier failure held back. Errors: io; then all
  // of it waits for the next call.
  Result<ServerEffects> pass(ServerEffects effects);

 private:
  DesiredStore& store_;
  ServerEffects held_;
};

}  // namespace tenet::server
