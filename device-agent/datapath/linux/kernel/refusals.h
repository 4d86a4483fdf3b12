// Translates refusals of the kernel to refusals of a driver, which name networks and VMs.
#pragma once

#include <string>
#include <vector>

#include "device-agent/datapath/driver.h"
#include "device-agent/datapath/linux/kernel/nft_transaction.h"

namespace tenet::device {

// True for an errno that means that another program has changed Tenet's objects.
bool means_drift(int number);
// The object that the kernel refuses, or "the transaction".
std::string change_text(const nft::Transaction::Refusal& refusal);
// The sensor port does not exist.
Error no_sensor(const std::string& sensor);
// One refusal for each network or VM whose part the kernel refuses; for all of the delta if that is
// unknown.
std::vector<DriverRefusal> explain_refusal(const DatapathDelta& delta,
                                           const std::vector<nft::Transaction::Refusal>& refused);
// Attributes errors about the links of a network to all VMs that the delta adds at the named port;
// if there are none, to the network.
std::vector<DriverRefusal> attribute_errors(const DatapathDelta& delta, Vnid vnid,
                                            const std::vector<Error>& errors);

}  // namespace tenet::device
