#include "device-agent/datapath/registry.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "device-agent/datapath/linux/kernel/linux_config.h"
#include "device-agent/datapath/record/record_config.h"

namespace tenet::device {
namespace {

struct DriverRow {
  std::string_view name;
  OpenDriver (*read)(runtime::Section&);
};
// The first is the default.
constexpr std::array<DriverRow, 2> kDrivers{{
    {"record", read_record_driver},
    {"linux", read_linux_driver},
}};

}  // namespace

OpenDriver read_driver(runtime::Section& section) {
  std::vector<std::string> names;
  for (const DriverRow& row : kDrivers) names.emplace_back(row.name);
  const std::string chosen = section.choice("driver", names, names.front());
  OpenDriver out;
  for (const DriverRow& row : kDrivers) {
    OpenDriver open = row.read(section);
    if (row.name == chosen) out = std::move(open);
  }
  return out;
}

}  // namespace tenet::device
