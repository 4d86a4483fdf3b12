// From the kernel's refusals to those of a driver.
#pragma once

#include <string>
#include <vector>

#include "device-agent/datapath/driver.h"
#include "device-agent/datapath/linux/kernel/nft_transaction.h"

namespace tenet::device {

// The kernel is not in the state that we left it in.
bool means_drift(int number);
std::string change_text(const nft::Transaction::Refusal& refusal);
Error no_sensor(const std::string& sensor);
// Whom the kernel's refusal is about: the network or the VM whose part was refused, or everybody.
std::vector<DriverRefusal> explain_refusal(const DatapathDelta& delta,
                                           const std::vector<nft::Transaction::Refusal>& refused);
// Of what a network's links lack: the VMs that come to the port that is named, all at once; if
// there are none, the network.
std::vector<DriverRefusal> attribute_errors(const DatapathDelta& delta, Vnid vnid,
                                            const std::vector<Error>& errors);

}  // namespace tenet::device
