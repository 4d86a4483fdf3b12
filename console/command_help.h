// What tenetctl --help teaches beside the options.
#pragma once

#include <string>

namespace tenet::console {

// Every verb with a sentence and an example, the configuration, the exit codes.
std::string help_footer();

}  // namespace tenet::console
