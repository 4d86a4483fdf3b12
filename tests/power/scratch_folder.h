// A folder for the lock files that stand beside databases; the databases themselves are in memory.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

namespace tenet::testing {

class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& name)
      : folder_(std::filesystem::temp_directory_path() / (name + std::to_string(::getpid()))) {
    std::filesystem::create_directory(folder_);
  }
  ~ScratchFolder() { std::filesystem::remove_all(folder_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string file(const std::string& name) const { return folder_ / name; }

 private:
  std::filesystem::path folder_;
};

}  // namespace tenet::testing
