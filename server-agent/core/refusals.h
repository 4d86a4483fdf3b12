// What one device refused, and when it is worth asking for again.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "common/core/message.h"
#include "server-agent/core/desired.h"
#include "server-agent/core/object.h"

namespace tenet::server {

class Refusals {
 public:
  // Why a refusal may no longer hold: something was freed on the device, or an audit interval has
  // passed, and with it changes that nobody reports to this server.
  enum class RetryTrigger : std::uint8_t { freed, audit };

  std::size_t size() const { return refused_.size(); }
  // The device refused the operation. True if this is new: the same was not refused for the same
  // reason before, in this conversation.
  bool put(const Operation& operation, const Error& error);
  // The device has it, or an operator asks for it anew. The back-off begins anew too.
  void erase(const MemberKey& key);
  void clear();
  // Why exactly this was refused; nullptr: it was not, or something else of that key was.
  const Error* find(const MemberKey& key, const PolicyPtr& policy, const VmPtr& vm) const;
  // Drops those of the keys for which something else is wanted by now, or nothing.
  void forget(const std::vector<MemberKey>& keys, const Desired& desired);
  // Takes out what may succeed now. Other servers free things too, and a device that gets another
  // configuration or a sensor reports it to nobody: audits retry such refusals, ever less often.
  std::vector<MemberKey> take_retryable(RetryTrigger trigger);
  // Takes out the VMs of a network whose policy has changed.
  std::vector<MemberKey> take_retryable(Vnid vnid);

 private:
  struct Refusal {
    PolicyPtr policy;  // what was refused; anything else is tried anew
    VmPtr vm;
    Error error;
    unsigned audits = 0;  // since it was refused
  };

  // What outlives a refusal that is retried.
  struct History {
    Error last_reported;
    unsigned backoff = 1;  // after how many audits it is retried; doubles each time
  };

  std::map<MemberKey, Refusal> refused_;
  std::map<MemberKey, History> history_;  // of all that is refused, and of what is retried
};

}  // namespace tenet::server
