// The server agent's memory: what is wanted, and the epoch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/core/error.h"
#include "server-agent/core/desired.h"
#include "server-agent/core/effects.h"
#include "server-agent/store/write_ahead.h"

namespace tenet::server {

class ServerStore : public DesiredStore {
 public:
  // Opens or makes the file. `parse_peer` reads the names of devices and servers in it. Errors: io,
  // naming the file.
  static Result<ServerStore> open(const std::string& path, PeerParser parse_peer);
  ServerStore(ServerStore&&) noexcept;
  ServerStore& operator=(ServerStore&&) noexcept;
  ~ServerStore() override;

  // Raises the epoch above what it was, and to at least `minimum`; durable when it returns. Errors:
  // io, also if the epoch is not as it was written.
  Result<std::uint64_t> next_epoch(std::uint64_t minimum);
  // Errors: io, also if anything is not as it was written.
  Result<Desired> load();
  Result<void> write(const ServerChanges& changes) override;

 private:
  struct Impl;
  explicit ServerStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tenet::server
