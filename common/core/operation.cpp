#include "common/core/operation.h"

#include <algorithm>

#include "common/core/overloaded.h"

namespace tenet {
namespace {

std::size_t escaped_bytes(std::string_view text) {
  // An escape is 6 characters at most.
  return text.size() +
         5 * static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
           return std::string_view("&<>\"'").find(c) != std::string_view::npos;
         }));
}

std::size_t vm_bytes(const Vm& vm) {
  std::size_t out = std::string_view(" vm='' mac='52:54:00:00:00:01' ip='' port=''").size();
  out += vm.id.size() + vm.port.str().size();
  for (const IpAddress& address : vm.addresses) out += address.text().size() + 1;
  return vm.reserve ? out + std::string_view(" reserve='true'").size() : out;
}

}  // namespace

std::string_view operation_name(const Operation& operation) {
  return std::visit(Overloaded{
                        [](const PolicySync&) -> std::string_view { return "policy-sync"; },
                        [](const PolicyUpdate&) -> std::string_view { return "policy-update"; },
                        [](const PolicyWithdraw&) -> std::string_view { return "policy-withdraw"; },
                        [](const Associate& o) -> std::string_view {
                          return o.vm->state == VmState::associated ? "associate" : "pre-associate";
                        },
                        [](const Dissociate&) -> std::string_view { return "dissociate"; },
                    },
                    operation);
}

Vnid operation_vnid(const Operation& operation) {
  return std::visit(Overloaded{
                        [](const PolicySync& o) { return o.policy->vnid(); },
                        [](const PolicyUpdate& o) { return o.policy->vnid(); },
                        [](const PolicyWithdraw& o) { return o.vnid; },
                        [](const Associate& o) { return o.vnid; },
                        [](const Dissociate& o) { return o.vnid; },
                    },
                    operation);
}

PolicyPtr policy_of(const Operation& operation) {
  return std::visit(Overloaded{
                        [](const PolicySync& o) { return o.policy; },
                        [](const PolicyUpdate& o) { return o.policy; },
                        [](const PolicyWithdraw&) { return PolicyPtr(); },
                        [](const Associate& o) { return o.policy; },
                        [](const Dissociate&) { return PolicyPtr(); },
                    },
                    operation);
}

std::string text(const Operation& operation) {
  std::string out = std::string(operation_name(operation)) + " " + operation_vnid(operation).text();
  std::visit(Overloaded{
                 [&](const PolicySync& o) { out += " r" + std::to_string(o.policy->revision()); },
                 [&](const PolicyUpdate& o) { out += " r" + std::to_string(o.policy->revision()); },
                 [&](const PolicyWithdraw&) {},
                 [&](const Associate& o) { out += "/" + o.vm->id; },
                 [&](const Dissociate& o) { out += "/" + o.vm; },
             },
             operation);
  return out;
}

std::size_t wire_bytes(const Operation& operation) {
  // Its element, or two tags around a policy; what declares a namespace stands on the batch.
  const std::size_t tags = 2 * operation_name(operation).size() + 40;
  return tags + std::visit(Overloaded{
                               [](const PolicySync& o) { return o.policy->wire_bytes(); },
                               [](const PolicyUpdate& o) { return o.policy->wire_bytes(); },
                               [](const PolicyWithdraw&) { return std::size_t{0}; },
                               [](const Associate& o) {
                                 return vm_bytes(*o.vm) +
                                        (o.from ? escaped_bytes(o.from->text()) + 8 : 0) +
                                        (o.policy ? o.policy->wire_bytes() : 0);
                               },
                               [](const Dissociate& o) { return o.vm.size(); },
                           },
                           operation);
}

std::set<Vnid> vnids_losing_vms(const std::vector<Operation>& operations,
                                const std::vector<OperationResult>& results) {
  std::set<Vnid> out;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (results[i]) continue;
    std::visit(Overloaded{
                   [&](const PolicySync& o) { out.erase(o.policy->vnid()); },
                   [&](const PolicyUpdate& o) { out.erase(o.policy->vnid()); },
                   [](const PolicyWithdraw&) {},
                   [](const Associate&) {},
                   [&](const Dissociate& o) { out.insert(o.vnid); },
               },
               operations[i]);
  }
  return out;
}

std::string text(const Sequence& sequence) {
  return std::to_string(sequence.epoch) + "." + std::to_string(sequence.seq);
}

}  // namespace tenet
