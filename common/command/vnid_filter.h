// The field by which a listing is limited to one network.
#pragma once

#include <optional>

#include "common/command/command.h"
#include "common/core/vnid.h"

namespace tenet::command {

Field vnid_filter();
// The VNID that was entered, or nothing. Errors: invalid.
Result<std::optional<Vnid>> read_vnid_filter(const Input& in);

}  // namespace tenet::command
