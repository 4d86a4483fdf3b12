// What one device refused, and when it is worth asking for again.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "common/core/message.h"
#include "server-agent/core/desired.h"
#include "server-agent/core/key.h"

namespace tenet::server {

class Refusals {
 public:
  // Why a refusal may have become unjust: something was freed on the device, or time has passed,
  // and with it whatever nobody tells us of.
  enum class Occasion : std::uint8_t { freed, audit };

  std::size_t size() const { return refused_.size(); }
  // What the operation asked for was refused. Whether that is news: it was not refused so before,
  // in this conversation.
  bool put(const Operation& operation, const Error& error);
  // The device has it, or it is asked for anew: also its patience begins anew.
  void erase(const Key& key);
  void clear();
  // Why exactly this was refused; nullptr: it was not, or something else of that key was.
  const Error* find(const Key& key, const PolicyPtr& policy, const VmPtr& vm) const;
  // Drops those of the keys whose wish is another one by now, or gone.
  void forget(const std::vector<Key>& keys, const Desired& desired);
  // Takes out what may succeed now. Others free things too, and a device that is configured anew or
  // gets a sensor tells nobody: that is what audits are for, ever less often.
  std::vector<Key> forgive(Occasion occasion);
  // Takes out the VMs of a network whose policy has changed.
  std::vector<Key> forgive(Vnid vnid);

 private:
  struct Refusal {
    PolicyPtr policy;  // what was refused; another wish is tried anew
    VmPtr vm;
    Error error;
    unsigned audits = 0;  // since it was refused
  };

  // What outlives a refusal that is forgiven.
  struct Past {
    Error told;             // what put() said last
    unsigned patience = 1;  // after how many audits the wish is tried again; doubles each time
  };

  std::map<Key, Refusal> refused_;
  std::map<Key, Past> past_;  // of all that is refused, and of what was forgiven
};

}  // namespace tenet::server
