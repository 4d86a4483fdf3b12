// The IQ requests that wait for their reply. gloox matches replies on the id alone, so that a
// stranger's would be taken for the peer's, and never gives up waiting.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/core/element.h"
#include "common/core/error.h"
#include "common/xmpp/jid.h"

namespace tenet::xmpp {

// Pure: it calls nothing, so that a continuation can do what it likes with the table.
class IqTable {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Reply = std::function<void(Result<Element>)>;
  struct Pending {
    Jid to;
    Time deadline;
    Reply reply;
  };

  // `self`: our own full JID.
  explicit IqTable(Jid self) : self_(std::move(self)) {}

  // Files a request and returns its fresh random id.
  std::string add(Jid to, Time deadline, Reply reply);
  // Takes out the request that a reply with this id from `from` answers; nothing if the id is
  // unknown or belongs to another peer. An empty `from` means our own account, and thereby our
  // server as well (RFC 6120 section 8.1.2.1).
  std::optional<Pending> take(const std::string& id, const Jid& from);
  // Takes out the requests whose deadline is not after `now`.
  std::vector<Pending> expired(Time now);
  // Takes out all, in no order: the connection is gone.
  std::vector<Pending> take_all();
  // The earliest deadline.
  std::optional<Time> next_deadline() const;

 private:
  Jid self_;
  std::map<std::string, Pending> pending_;
  std::multimap<Time, std::string> deadlines_;
};

}  // namespace tenet::xmpp
