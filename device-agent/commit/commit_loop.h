// Requests of servers, answered in rounds: all that are waiting go into one commit, which is
// durable and enforced before any answer leaves (law 1). If the datapath refuses operations, they
// are refused, and the others are tried again without them (law 2).
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

  // One answer for each request, in order; they are true when this returns. Also ends the
  // reservations whose time is over at `now`. Errors: io, if the datapath has a change that the
  // store lacks and cannot be taken back; then no answer may leave, and only a restart helps.
  Result<std::vector<Result<Answer>>> run(const std::vector<ServerRequest>& requests, WallTime now);

  // Makes the datapath equal to the core's state, and reports to the core what is not enforceable.
  // Errors: as of Driver::restore().
  Result<Restored> restore();
  // The same, and logs what differed. `why`: the reason for the comparison.
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
  // Reports to the core what the datapath cannot enforce, and logs what is new.
  void report_missing(const std::vector<DriverRefusal>& missing);

  DeviceCore& core_;
  ChangeStore& store_;
  Driver& driver_;
  std::vector<DeviceChanges::Member> ended_;  // reservations, in this round
};

}  // namespace tenet::device
