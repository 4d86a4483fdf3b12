#include "device-agent/datapath/record/record_config.h"

#include <algorithm>

#include "common/core/intent.h"
#include "common/core/text.h"
#include "device-agent/datapath/record/record_driver.h"

namespace tenet::device {

OpenDriver read_record_driver(runtime::Section& section) {
  std::string file = section.text("record-file");
  std::vector<std::string> unsupported = section.texts("unsupported");
  for (const std::string& name : unsupported) {
    if (std::find(kIntentNames.begin(), kIntentNames.end(), name) != kIntentNames.end()) continue;
    section.problem("unsupported", "there is no intent " + name + "; known are " +
                                       join({kIntentNames.begin(), kIntentNames.end()}, ", "));
  }
  return [file = std::move(file), unsupported = std::move(unsupported)](
             asio::io_context&) -> Result<std::unique_ptr<Driver>> {
    return std::make_unique<RecordDriver>(file, unsupported);
  };
}

}  // namespace tenet::device
