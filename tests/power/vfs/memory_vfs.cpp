#include "tests/power/vfs/memory_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>

namespace tenet::testing {
namespace {

int checkpoint_pages = 1000;

int on_open(sqlite3* database, char** /*message*/, const struct sqlite3_api_routines* /*api*/) {
  return sqlite3_wal_autocheckpoint(database, checkpoint_pages);
}

}  // namespace

struct MemoryVfs::Handle {
  MemoryVfs* vfs;
  std::shared_ptr<File> file;
  bool diary;         // false for SQLite's own temporary files
  bool folder_first;  // the next sync is one of the folder too
  std::vector<std::unique_ptr<char[]>> shared;
};

// The functions that SQLite calls.
struct MemoryVfs::Methods {
  struct Opened {
    sqlite3_file base;
    Handle* handle;
  };
  static Handle& of(sqlite3_file* file) { return *reinterpret_cast<Opened*>(file)->handle; }
  static MemoryVfs& of(sqlite3_vfs* vfs) { return *static_cast<MemoryVfs*>(vfs->pAppData); }

  static int close(sqlite3_file* file) {
    delete reinterpret_cast<Opened*>(file)->handle;
    return SQLITE_OK;
  }
  static int read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
    const std::string& content = of(file).file->content;
    const auto from = std::min(static_cast<std::size_t>(offset), content.size());
    const auto there = std::min(static_cast<std::size_t>(size), content.size() - from);
    std::memset(out, 0, static_cast<std::size_t>(size));
    std::memcpy(out, content.data() + from, there);
    return there == static_cast<std::size_t>(size) ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
  }
  static int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    Handle& handle = of(file);
    const auto begin = static_cast<std::size_t>(offset);
    const std::string_view text(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
    if (handle.diary &&
        !handle.vfs->happens(FileWritten{handle.file->number, begin, std::string(text)})) {
      return SQLITE_FULL;
    }
    std::string& content = handle.file->content;
    if (content.size() < begin + text.size()) content.resize(begin + text.size());
    content.replace(begin, text.size(), text);
    return SQLITE_OK;
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    Handle& handle = of(file);
    const auto wanted = static_cast<std::size_t>(size);
    if (handle.diary && !handle.vfs->happens(FileCut{handle.file->number, wanted})) {
      return SQLITE_IOERR_TRUNCATE;
    }
    handle.file->content.resize(wanted);
    return SQLITE_OK;
  }
  static int sync(sqlite3_file* file, int /*flags*/) {
    Handle& handle = of(file);
    if (!handle.diary) return SQLITE_OK;
    if (!handle.vfs->happens(FileSynced{handle.file->number, handle.folder_first})) {
      return SQLITE_IOERR_FSYNC;
    }
    handle.folder_first = false;
    return SQLITE_OK;
  }
  static int size(sqlite3_file* file, sqlite3_int64* out) {
    *out = static_cast<sqlite3_int64>(of(file).file->content.size());
    return SQLITE_OK;
  }
  static int lock(sqlite3_file* /*file*/, int /*level*/) { return SQLITE_OK; }
  static int check_lock(sqlite3_file* /*file*/, int* out) {
    *out = 0;
    return SQLITE_OK;
  }
  static int control(sqlite3_file* /*file*/, int /*what*/, void* /*argument*/) {
    return SQLITE_NOTFOUND;
  }
  // As os_unix.c says of a disk: it takes this for granted since version 3.7.9.
  static int sector_size(sqlite3_file* /*file*/) { return 4096; }
  static int characteristics(sqlite3_file* /*file*/) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }
  static int map_shared(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
    auto& shared = of(file).shared;
    *out = nullptr;
    const auto wanted = static_cast<std::size_t>(region);
    if (wanted >= shared.size() && extend == 0) return SQLITE_OK;
    while (wanted >= shared.size()) {
      shared.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
    }
    *out = shared[wanted].get();
    return SQLITE_OK;
  }
  static int lock_shared(sqlite3_file* /*file*/, int /*from*/, int /*count*/, int /*flags*/) {
    return SQLITE_OK;
  }
  static void barrier(sqlite3_file* /*file*/) {}
  static int unmap_shared(sqlite3_file* file, int /*remove*/) {
    of(file).shared.clear();
    return SQLITE_OK;
  }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
    static constexpr sqlite3_io_methods kMethods{2,
                                                 close,
                                                 read,
                                                 write,
                                                 truncate,
                                                 sync,
                                                 size,
                                                 lock,
                                                 lock,
                                                 check_lock,
                                                 control,
                                                 sector_size,
                                                 characteristics,
                                                 map_shared,
                                                 lock_shared,
                                                 barrier,
                                                 unmap_shared,
                                                 nullptr,
                                                 nullptr};
    auto* opened = reinterpret_cast<Opened*>(file);
    opened->base.pMethods = nullptr;  // SQLite does not close what has none
    MemoryVfs& self = of(vfs);
    std::shared_ptr<File> found = name == nullptr
                                      ? std::make_shared<File>()
                                      : self.open(name, (flags & SQLITE_OPEN_CREATE) != 0);
    if (!found) return SQLITE_CANTOPEN;
    constexpr int kJournals =
        SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    const bool folder_first = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & kJournals) != 0;
    opened->handle = new Handle{&self, std::move(found), name != nullptr, folder_first, {}};
    opened->base.pMethods = &kMethods;
    if (out != nullptr) *out = flags;
    return SQLITE_OK;
  }
  static int remove(sqlite3_vfs* vfs, const char* name, int folder_synced) {
    MemoryVfs& self = of(vfs);
    if (!self.files_.contains(name)) return SQLITE_IOERR_DELETE_NOENT;
    if (!self.happens(FileRemoved{name, folder_synced != 0})) return SQLITE_IOERR_DELETE;
    self.files_.erase(name);
    return SQLITE_OK;
  }
  static int access(sqlite3_vfs* vfs, const char* name, int /*flags*/, int* out) {
    const auto& files = of(vfs).files_;
    const auto found = files.find(name);
    // os_unix.c too takes an empty file for none here.
    *out = found != files.end() && !found->second->content.empty() ? 1 : 0;
    return SQLITE_OK;
  }
  static int full_name(sqlite3_vfs* /*vfs*/, const char* name, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
  }
  // The salts of WALs come from here: the same in every run.
  static int randomness(sqlite3_vfs* /*vfs*/, int size, char* out) {
    for (int i = 0; i < size; ++i) out[i] = static_cast<char>(i * 37);
    return size;
  }
  static int sleep(sqlite3_vfs* /*vfs*/, int microseconds) { return microseconds; }
  static int time(sqlite3_vfs* vfs, sqlite3_int64* out) {
    sqlite3_vfs* system = of(vfs).system_;
    return system->xCurrentTimeInt64(system, out);
  }
  static int last_error(sqlite3_vfs* /*vfs*/, int /*size*/, char* /*out*/) { return 0; }
};

MemoryVfs::MemoryVfs() : vfs_(std::make_unique<sqlite3_vfs>()), system_(sqlite3_vfs_find(nullptr)) {
  vfs_->iVersion = 2;
  vfs_->szOsFile = sizeof(Methods::Opened);
  vfs_->mxPathname = 512;
  vfs_->zName = "tenet-memory";
  vfs_->pAppData = this;
  vfs_->xOpen = Methods::open;
  vfs_->xDelete = Methods::remove;
  vfs_->xAccess = Methods::access;
  vfs_->xFullPathname = Methods::full_name;
  vfs_->xRandomness = Methods::randomness;
  vfs_->xSleep = Methods::sleep;
  vfs_->xGetLastError = Methods::last_error;
  vfs_->xCurrentTimeInt64 = Methods::time;
  sqlite3_vfs_register(vfs_.get(), 1);
  sqlite3_randomness(0, nullptr);
  sqlite3_auto_extension(reinterpret_cast<void (*)()>(on_open));
}

MemoryVfs::~MemoryVfs() {
  sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(on_open));
  sqlite3_vfs_unregister(vfs_.get());
  sqlite3_vfs_register(system_, 1);
  checkpoint_pages = 1000;
}

void MemoryVfs::checkpoint_every(int pages) {
  checkpoint_pages = pages;
}

void MemoryVfs::mount(const Image& image) {
  files_.clear();
  events_.clear();
  numbers_ = 0;
  for (const auto& [name, content] : image) {
    files_[name] = std::make_shared<File>(File{content, 0});
  }
}

Image MemoryVfs::image() const {
  Image out;
  for (const auto& [name, file] : files_) out[name] = file->content;
  return out;
}

bool MemoryVfs::happens(DiskEvent event) {
  if (fails()) return false;
  events_.push_back(std::move(event));
  return true;
}

std::shared_ptr<MemoryVfs::File> MemoryVfs::open(const std::string& name, bool create) {
  const auto found = files_.find(name);
  if (found == files_.end() && !create) return nullptr;
  const std::size_t number = numbers_ + 1;
  if (found == files_.end()) {
    if (!happens(FileMade{number, name})) return nullptr;
    numbers_ = number;
    return files_[name] = std::make_shared<File>(File{{}, number});
  }
  if (found->second->number == 0) {
    // Nothing is done to the disk, but the diary needs a number for it.
    events_.emplace_back(FileMade{number, name});
    numbers_ = found->second->number = number;
  }
  return found->second;
}

}  // namespace tenet::testing
