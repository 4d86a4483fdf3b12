// The keys of [datapath] that the record driver has.
#pragma once

#include "device-agent/datapath/registry.h"

namespace tenet::device {

OpenDriver read_record_driver(runtime::Section& section);

}  // namespace tenet::device
