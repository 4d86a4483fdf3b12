// The datapath drivers that this program has. Adding one: its folder, and a row in registry.cpp.
#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <memory>

#include "common/runtime/config.h"
#include "device-agent/datapath/driver.h"

namespace tenet::device {

// Opens a driver with the options that were read for it. Errors: as of that driver.
using OpenDriver = std::function<Result<std::unique_ptr<Driver>>(asio::io_context&)>;

// Reads the section [datapath]: the keys of all drivers are known, and checked, whichever is chosen
// with `driver`. Problems are recorded in the section.
OpenDriver read_driver(runtime::Section& section);

}  // namespace tenet::device
