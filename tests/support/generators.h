// Generators of random values of the core for rapidcheck. Everything they make is valid: a policy
// that parses, a VM that make_vm() takes. What they make from numbers and lists shrinks with those:
// to fewer entries, rules and VMs, to shorter names, to smaller numbers.
#pragma once

#include <rapidcheck.h>

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

#include "common/core/message.h"
#include "common/core/operation.h"
#include "common/core/policy.h"
#include "common/core/view.h"
#include "common/core/vm.h"

namespace tenet::testing {

// ---- values ----------------------------------------------------------------------------------

rc::Gen<Vnid> any_vnid();
// One of `count`, so that operations meet: ids 4096 and above, with and without a version.
rc::Gen<Vnid> one_of_vnids(std::size_t count);
rc::Gen<std::string> any_identifier();
// One of `count`: vm-1, vm-2, ...
rc::Gen<VmId> one_of_vms(std::size_t count);
rc::Gen<Mac> any_mac();
rc::Gen<IpAddress> any_address();
rc::Gen<IpAddress> any_host_address();  // neither multicast nor unspecified
rc::Gen<IpAddress> any_group();         // multicast
rc::Gen<Prefix> any_prefix();
rc::Gen<BitRate> any_rate();
rc::Gen<Sha256> any_digest();
rc::Gen<PeerId> any_peer();  // an XMPP address
// Text that XML can carry, in attributes too; not blank, without white space at its ends.
rc::Gen<std::string> any_text();

// ---- policies --------------------------------------------------------------------------------

rc::Gen<Rule> any_rule();
rc::Gen<Acl> any_acl();
rc::Gen<Policy> any_policy();
rc::Gen<PolicyPtr> any_policy_of(Vnid vnid);
// With that revision.
rc::Gen<PolicyPtr> any_policy_of(Vnid vnid, Revision revision);

// ---- VMs and operations ----------------------------------------------------------------------

rc::Gen<Vm> any_vm();
rc::Gen<VmPtr> any_vm_named(VmId id);
rc::Gen<Operation> any_operation();
// Of that VNID, with one of `vms` VMs, and policies of revisions 1 to `revisions`.
rc::Gen<Operation> any_operation_on(Vnid vnid, std::size_t vms, Revision revisions);
rc::Gen<Sequence> any_sequence();
rc::Gen<Batch> any_batch();
rc::Gen<DeviceView> any_view();

// ---- answers ---------------------------------------------------------------------------------

// With a code that travels, a text, and any witness.
rc::Gen<Error> any_error();
// One result for each of so many operations.
rc::Gen<std::vector<OperationResult>> any_results(std::size_t count);

}  // namespace tenet::testing

// How rapidcheck shows counter-examples.
namespace tenet {
void showValue(const Vnid& value, std::ostream& out);
void showValue(const Mac& value, std::ostream& out);
void showValue(const IpAddress& value, std::ostream& out);
void showValue(const Prefix& value, std::ostream& out);
void showValue(const BitRate& value, std::ostream& out);
void showValue(const Sha256& value, std::ostream& out);
void showValue(const PeerId& value, std::ostream& out);
void showValue(const Rule& value, std::ostream& out);
void showValue(const Acl& value, std::ostream& out);
void showValue(const Policy& value, std::ostream& out);
void showValue(const Vm& value, std::ostream& out);
void showValue(const Operation& value, std::ostream& out);
void showValue(const Sequence& value, std::ostream& out);
void showValue(const Batch& value, std::ostream& out);
void showValue(const Error& value, std::ostream& out);
void showValue(const NetworkView& value, std::ostream& out);
}  // namespace tenet
