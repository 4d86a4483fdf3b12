// Requests of servers, answered in rounds: everything at hand in one commit, durable and enforced
// before any answer leaves (law 1). What the datapath refuses is refused, and the rest tried again
// without it (law 2).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "device-agent/commit/change_store.h"
#include "device-agent/core/device_core.h"
#include "device-agent/datapath/driver.h"

namespace tenet::device {

struct ServerRequest {
  ServerName server;
  Request request;
};

class CommitLoop {
 public:
  // All must outlive this.
  CommitLoop(DeviceCore& core, ChangeStore& store, Driver& driver)
      : core_(core), store_(store), driver_(driver) {}

  // One answer for each request, in order; all that they say is true when this returns. Also ends
  // the reservations that are over at `now`. Errors: io, if the datapath has what the store lacks
  // and cannot be taken back; then no answer may leave, and only a new start helps.
  Result<std::vector<Result<Answer>>> run(const std::vector<ServerRequest>& requests, WallTime now);

  // Makes the datapath what the core says, and lets the core know what is not enforceable. Errors:
  // as of Driver::restore().
  Result<Restored> restore();
  // The same, and says in the log what differed. `why` somebody looked.
  Result<std::vector<std::string>> repair(std::string_view why);

 private:
  using Answers = std::vector<Result<Answer>>;
  // By request, what the datapath refused so far.
  using Refused = std::vector<DatapathRefusals>;

  Result<Answer> handle(const ServerRequest& request, WallTime now,
                        const DatapathRefusals& refused);
  // Decides everything anew; the answers become true with the next commit.
  Answers decide(const std::vector<ServerRequest>& requests, WallTime now, const Refused& refused);
  // Applies what the core has decided.
  std::vector<DriverRefusal> enforce();
  std::vector<DriverRefusal> still_missing(const DatapathDelta& delta);
  // Lets the core know what the datapath cannot enforce, and the log what is new of it.
  void note_missing(const std::vector<DriverRefusal>& missing);

  DeviceCore& core_;
  ChangeStore& store_;
  Driver& driver_;
  std::vector<DeviceChanges::Member> ended_;  // reservations, in this round
};

}  // namespace tenet::device
