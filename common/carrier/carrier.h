// What the agents need of a carrier: peers that come and go, requests and their answers, a limit of
// size. Acknowledgement, order and refusal mean the same on each of them (laws 1 to 3); how a
// message looks there, and how a peer proves who it is, is the carrier's own affair.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "common/command/command.h"
#include "common/core/message.h"
#include "common/core/peer_id.h"

namespace tenet::carrier {

// Answers one request; may be kept, and called later. Only the first call counts, and none after
// the peer has gone.
class Responder {
 public:
  Responder() = default;
  virtual ~Responder() = default;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  virtual void answer(const Answer& answer) = 0;
  virtual void refuse(const Error& error) = 0;
};

// A request on its way to a peer. It is shared, so that one that waits for room takes no copy.
struct Outgoing {
  PeerId to;
  std::shared_ptr<const Request> request;
  std::chrono::milliseconds timeout;  // from when it leaves
  std::function<void()> leaving = [] {};
  // Called once, and never within send(). Errors: the peer's refusal; timeout and unreachable if
  // the outcome is unknown.
  std::function<void(const Result<Answer>&)> answered;
};

// All run on the thread of the event loop.
struct Handlers {
  // A connection that all peers share was lost, or could not be made: none of them is available.
  std::function<void(const Error& why)> offline = [](const Error&) {};
  // A watched peer became available, or unavailable. `true` may come again for an available peer,
  // which has restarted then, or just answers.
  std::function<void(const PeerId& peer, bool available)> presence = [](const PeerId&, bool) {};
  // A server's request. `server` names its account, whatever the connection that it came by. One
  // that is malformed comes as its error, so that answers leave in the order of their requests.
  std::function<void(const PeerId& server, Result<Request>, std::shared_ptr<Responder>)> request;
  // Another server's question about a network, answered at once.
  std::function<Result<NetworkAnswer>(const NetworkQuery&)> query;
};

class Carrier {
 public:
  Carrier() = default;
  virtual ~Carrier() = default;
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  // Handlers may be called from now on, but not within start(). Connects, and reconnects for ever.
  virtual void start(Handlers handlers) = 0;
  // Takes leave of the peers. `done` runs soon, whatever they do.
  virtual void stop(std::function<void()> done) = 0;

  // The presence of that peer is reported from now on, or no longer.
  virtual void watch(const PeerId& peer) = 0;
  virtual void unwatch(const PeerId& peer) = 0;
  // Requests and questions of these reach the handlers; those of others are refused as forbidden.
  virtual void accept_from(std::vector<PeerId> peers) = 0;

  // Requests to one peer leave in their order.
  virtual void send(Outgoing outgoing) = 0;
  // Asks another server about a network. `answered` as of Outgoing.
  virtual void query(const PeerId& server, const NetworkQuery& query,
                     std::chrono::milliseconds timeout,
                     std::function<void(const Result<NetworkAnswer>&)> answered) = 0;

  // Offers commands to the operators who reach the agent by this carrier. `may` is asked at each
  // step. A carrier without operators ignores it. To be called before start().
  virtual void serve(std::vector<command::Command> /*commands*/, command::May /*may*/) {}
};

}  // namespace tenet::carrier
