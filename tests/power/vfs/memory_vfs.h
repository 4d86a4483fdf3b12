// Files of SQLite in memory, with a diary of what was done to them and errors on demand. While one
// exists it is the default VFS of the process: the stores of the agents use it without knowing.
// For one connection at a time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/power/disk.h"

struct sqlite3_vfs;

namespace tenet::testing {

class MemoryVfs {
 public:
  MemoryVfs();
  ~MemoryVfs();
  MemoryVfs(const MemoryVfs&) = delete;
  MemoryVfs& operator=(const MemoryVfs&) = delete;

  // Replaces all files, and begins a new diary. Nothing may be open.
  void mount(const Image& image);
  Image image() const;

  // What was done since mount().
  const std::vector<DiskEvent>& events() const { return events_; }
  // Asked before each event; if true, it fails and nothing of it happens.
  std::function<bool()> fails = [] { return false; };
  // How often SQLite copies its WAL into the database, in pages; its default is 1000. So that small
  // stories have checkpoints, and WALs that begin anew.
  static void checkpoint_every(int pages);

 private:
  struct File {
    std::string content;
    std::size_t number = 0;
  };
  struct Handle;
  struct Methods;
  bool happens(DiskEvent event);
  std::shared_ptr<File> open(const std::string& name, bool create);

  std::unique_ptr<sqlite3_vfs> vfs_;
  sqlite3_vfs* system_;
  std::map<std::string, std::shared_ptr<File>> files_;
  std::vector<DiskEvent> events_;
  std::size_t numbers_ = 0;
};

}  // namespace tenet::testing
