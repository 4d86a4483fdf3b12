// The keys of [datapath] that the Linux driver has.
#pragma once

#include "device-agent/datapath/registry.h"

namespace tenet::device {

OpenDriver read_linux_driver(runtime::Section& section);

}  // namespace tenet::device
