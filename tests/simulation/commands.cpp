// What operators ask for in a simulated world, and what it is called.
#include <array>

#include "tests/simulation/world.h"

namespace tenet::simulation {

using namespace tenet::server;
using testing::Random;

namespace {

PolicyPtr next_policy(Random& random, const ServerSide& side, Vnid vnid, bool tight) {
  const Network* network = side.core().desired().find(vnid);
  const Revision next = network == nullptr ? 1 : network->policy->revision() + 1;
  // Sometimes management is older than what it manages.
  const Revision revision = random.chance(90) ? next : 1 + random.below(4);
  const std::size_t contents = tight ? testing::kContents : 4;
  return testing::policy(vnid, revision, static_cast<testing::Content>(random.below(contents)));
}

}  // namespace

Command random_command(Random& random, const Setting& setting, const ServerSide& side,
                       const std::vector<DeviceName>& all) {
  const Vnid vnid = random.pick(testing::vnids());
  VmPtr vm = testing::random_vm(random, vnid);
  if (!setting.migrations) {
    // A name and a MAC that no other server uses.
    Vm own = *vm;
    own.id += "-" + side.name().text().substr(0, 1);
    const std::size_t number = static_cast<std::size_t>(side.name().text().front()) - 'a';
    own.mac = testing::mac(4096 * number + std::hash<std::string>{}(vm->id + vnid.text()) % 4096);
    vm = std::make_shared<const Vm>(std::move(own));
  }
  std::set<DeviceName> devices;
  for (const DeviceName& device : all) {
    if (random.chance(40)) devices.insert(device);
  }
  const auto raised = [&] { return next_policy(random, side, vnid, setting.tight); };
  const std::size_t turn = random.below(100);
  if (turn < 15) return CreateNetwork{raised(), devices};
  if (turn < 28) return ChangePolicy{raised()};
  if (turn < 33) return DeleteNetwork{vnid};
  if (turn < 60) return CreateVm{vnid, *vm, devices};
  if (turn < 71) return ActivateVm{vnid, vm->id, random.chance(40) ? raised() : nullptr};
  if (turn < 85) return RemoveVm{vnid, vm->id};
  if (turn < 96 && setting.migrations) {
    MigrateIn in{vnid, vm->id};
    const PeerId& other = random.pick(testing::servers());
    if (other != side.name()) in.from = other;
    if (random.chance(60)) in.mac = vm->mac;
    in.devices = devices;
    in.state = vm->state;
    if (random.chance(40)) in.policy = raised();
    return in;
  }
  return Resync{devices};
}

std::string text(const Command& command) {
  static constexpr std::array<const char*, std::variant_size_v<Command>> kNames{
      "create-network", "change-policy", "delete-network", "create-vm",
      "activate-vm",    "remove-vm",     "migrate-in",     "resync"};
  std::string out = kNames[command.index()];
  const auto policy = [&](const PolicyPtr& p) {
    if (p) out += " " + p->vnid().text() + " r" + std::to_string(p->revision());
  };
  if (const auto* c = std::get_if<CreateNetwork>(&command)) policy(c->policy);
  if (const auto* c = std::get_if<ChangePolicy>(&command)) policy(c->policy);
  if (const auto* c = std::get_if<DeleteNetwork>(&command)) out += " " + c->vnid.text();
  if (const auto* c = std::get_if<CreateVm>(&command)) {
    out += " " + c->vnid.text() + "/" + c->vm.id + " " + std::string(state_name(c->vm.state));
  }
  if (const auto* c = std::get_if<ActivateVm>(&command)) {
    out += " " + c->vnid.text() + "/" + c->vm;
    policy(c->policy);
  }
  if (const auto* c = std::get_if<RemoveVm>(&command)) out += " " + c->vnid.text() + "/" + c->vm;
  if (const auto* c = std::get_if<MigrateIn>(&command)) {
    out += " " + c->vnid.text() + "/" + c->vm + (c->from ? " from " + c->from->text() : "");
    policy(c->policy);
  }
  return out;
}

}  // namespace tenet::simulation
