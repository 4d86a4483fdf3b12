// A file for one test, removed after it.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace tenet::console {

class ScratchFile {
 public:
  explicit ScratchFile(const std::string& content) {
    std::string path = (std::filesystem::temp_directory_path() / "tenetctl-XXXXXX").string();
    close(mkstemp(path.data()));
    path_ = path;
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~ScratchFile() { std::filesystem::remove(path_); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace tenet::console
