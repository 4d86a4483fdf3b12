// The section [log].
#pragma once

#include "common/observe/log.h"
#include "common/runtime/config.h"

namespace tenet::runtime {

log::Options read_log(Section section);

}  // namespace tenet::runtime
