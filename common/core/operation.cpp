#include "common/core/operation.h"

namespace tenet {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

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
                        [](const auto& o) { return o.vnid; },
                    },
                    operation);
}

PolicyPtr policy_of(const Operation& operation) {
  return std::visit(Overloaded{
                        [](const PolicySync& o) { return o.policy; },
                        [](const PolicyUpdate& o) { return o.policy; },
                        [](const Associate& o) { return o.policy; },
                        [](const auto&) { return PolicyPtr(); },
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

std::string text(const Sequence& sequence) {
  return std::to_string(sequence.epoch) + "." + std::to_string(sequence.seq);
}

}  // namespace tenet
