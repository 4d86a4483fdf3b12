#include "common/command/vnid_filter.h"

namespace tenet::command {

Field vnid_filter() {
  return {.name = "vnid", .label = "VNID, like 4096 or 4096.2 (empty: all)"};
}

Result<std::optional<Vnid>> read_vnid_filter(const Input& in) {
  if (!in.has("vnid")) return std::nullopt;
  auto vnid = Vnid::parse(in.text("vnid"));
  if (!vnid) return fail(vnid.error());
  return *vnid;
}

}  // namespace tenet::command
