// A disk that may lose power: what a file system has promised, and what it may have done beyond it.
//
// The model, and where it comes from:
// - A write is promised once its file was synced. Until then each sector of it may be on the disk
// or
//   not, in any order, whole or torn: a part of it from its beginning, the rest as it was. "SQLite
//   does not assume that a sector write is atomic", but that it "is linear" and that bytes beside
//   those written do not change (powersafe overwrite):
//   https://www.sqlite.org/atomiccommit.html section 2, https://www.sqlite.org/psow.html. The VFS
//   of Unix claims the same (SQLITE_IOCAP_POWERSAFE_OVERWRITE), and ours does.
// - The size of a file travels apart from its content: any size that it had since the last sync.
//   What was never written of it is zeros or rubbish (atomiccommit.html, section 2).
// - Names travel apart from files, each by itself. A name that was made or removed is promised
// after
//   a sync of the folder. SQLite does one with the first sync of a new journal or WAL, and with
//   xDelete if it is asked to (os_unix.c, UNIXFILE_DIRSYNC).
// - What was synced stays, bit by bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "tests/support/small_world.h"

namespace tenet::testing {

// Names and contents: a disk at rest.
using Image = std::map<std::string, std::string>;

// What was done to a disk. A file keeps its number, whatever becomes of its name.
struct FileMade {
  std::size_t file;
  std::string name;
};
struct FileRemoved {
  std::string name;
  bool folder_synced;
};
struct FileWritten {
  std::size_t file;
  std::size_t offset;
  std::string bytes;
};
struct FileCut {
  std::size_t file;
  std::size_t size;
};
struct FileSynced {
  std::size_t file;
  bool with_folder;
};
using DiskEvent = std::variant<FileMade, FileRemoved, FileWritten, FileCut, FileSynced>;

// How what was not promised comes out.
enum class Luck : std::uint8_t {
  none,    // none of it is there
  all,     // all of it, as after kill -9
  random,  // any legal part of it
};

class Disk {
 public:
  explicit Disk(const Image& image = {});

  void apply(const DiskEvent& event);
  // What is found when the power is back.
  Image crash(Luck luck, Random& random) const;

  static constexpr std::size_t kSector = 512;

 private:
  struct Pending {
    std::size_t offset = 0;
    std::string bytes;
  };
  struct File {
    std::string promised;
    std::string content;
    std::vector<Pending> writes;
    std::vector<std::size_t> sizes;  // since the last sync
  };
  // The files that a name may stand for; the last one is what programs see.
  using Meanings = std::vector<std::shared_ptr<File>>;

  void sync_folder();
  static std::string crash(const File& file, Luck luck, Random& random);

  std::map<std::size_t, std::shared_ptr<File>> files_;
  std::map<std::string, Meanings> names_;
};

}  // namespace tenet::testing
