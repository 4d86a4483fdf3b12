#include "server-agent/core/link/status.h"

#include <string>

namespace tenet::server {
namespace {

class Status {
 public:
  Status(const LinkState& link, const Desired& desired, std::optional<Error>* why)
      : link_(link), desired_(desired), why_(why) {}

  ApplyStatus of_network(Vnid vnid) const {
    const Network* network = desired_.find(vnid);
    const bool wanted = network != nullptr && network->wanted_on(link_.device);
    const NetworkView* has = acknowledged(vnid);
    if (!wanted) return has == nullptr ? ApplyStatus::enforced : open();
    if (has != nullptr && has->stamp == network->policy->stamp()) return ApplyStatus::enforced;
    if (is_refused({vnid}, network->policy, nullptr)) return ApplyStatus::refused;
    if (has != nullptr && has->stamp.revision > network->policy->revision()) {
      say({Code::stale_revision, "the device enforces revision " +
                                     std::to_string(has->stamp.revision) +
                                     ", which another server sent"});
      return ApplyStatus::refused;
    }
    return open();
  }

  ApplyStatus of_vm(const MemberKey& key) const {
    const NetworkView* network = acknowledged(key.vnid);
    const VmPtr* found = network == nullptr ? nullptr : network->vms.find(key.vm);
    const VmPtr has = found == nullptr ? nullptr : *found;
    const PlacedVm* vm = desired_.find(key.vnid, key.vm);
    if (vm == nullptr || !vm->devices.contains(link_.device)) {
      return has ? open() : ApplyStatus::enforced;
    }
    if (same(has, vm->vm) && !vm->taken_from(link_.device)) return ApplyStatus::enforced;
    if (is_refused(key, nullptr, vm->vm)) return ApplyStatus::refused;
    // A VM that is wanted has its network.
    if (network == nullptr && is_refused({key.vnid}, desired_.find(key.vnid)->policy, nullptr)) {
      return ApplyStatus::refused;
    }
    return open();
  }

  ApplyStatus open() const {
    if (link_.phase == Phase::offline) return ApplyStatus::unreachable;
    // What went wrong last is the reason until a conversation succeeds, also while the next one is
    // tried.
    if (link_.phase != Phase::live && link_.error) say(*link_.error);
    return ApplyStatus::pending;
  }

 private:
  const NetworkView* acknowledged(Vnid vnid) const {
    const auto found = link_.acknowledged.find(vnid);
    return found == link_.acknowledged.end() ? nullptr : &found->second;
  }
  bool is_refused(const MemberKey& key, const PolicyPtr& policy, const VmPtr& vm) const {
    const Error* found = link_.outbox.refusals().find(key, policy, vm);
    if (found != nullptr) say(*found);
    return found != nullptr;
  }
  void say(Error error) const {
    if (why_ != nullptr) *why_ = std::move(error);
  }

  const LinkState& link_;
  const Desired& desired_;
  std::optional<Error>* why_;
};

}  // namespace

ApplyStatus apply_status(const LinkState& link, const MemberKey& key, const Desired& desired,
                         std::optional<Error>* why) {
  const Status status(link, desired, why);
  if (!link.verified || link.outbox.moving(key)) return status.open();
  return key.vm.empty() ? status.of_network(key.vnid) : status.of_vm(key);
}

}  // namespace tenet::server
