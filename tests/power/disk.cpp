#include "tests/power/disk.h"

#include <algorithm>

namespace tenet::testing {
namespace {

void put(std::string& content, std::size_t offset, std::string_view bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(),
            content.begin() + static_cast<std::string::difference_type>(offset));
}

}  // namespace

Disk::Disk(const Image& image) {
  // Numbers of files made later count from zero; these need none, unless they are opened.
  for (const auto& [name, content] : image) {
    auto file = std::make_shared<File>();
    file->promised = file->content = content;
    file->sizes = {content.size()};
    names_[name] = {std::move(file)};
  }
}

void Disk::apply(const DiskEvent& event) {
  if (const auto* made = std::get_if<FileMade>(&event)) {
    Meanings& meanings = names_[made->name];
    if (meanings.empty()) meanings.push_back(nullptr);
    // Opening what is there gives it its number.
    if (!meanings.back()) {
      meanings.push_back(std::make_shared<File>());
      meanings.back()->sizes = {0};
    }
    files_[made->file] = meanings.back();
  } else if (const auto* removed = std::get_if<FileRemoved>(&event)) {
    names_[removed->name].push_back(nullptr);
    if (removed->folder_synced) sync_folder();
  } else if (const auto* written = std::get_if<FileWritten>(&event)) {
    File& file = *files_.at(written->file);
    put(file.content, written->offset, written->bytes);
    file.writes.push_back({written->offset, written->bytes});
    file.sizes.push_back(file.content.size());
  } else if (const auto* cut = std::get_if<FileCut>(&event)) {
    File& file = *files_.at(cut->file);
    file.content.resize(cut->size);
    file.sizes.push_back(cut->size);
  } else {
    const FileSynced& synced = std::get<FileSynced>(event);
    File& file = *files_.at(synced.file);
    file.promised = file.content;
    file.writes.clear();
    file.sizes = {file.content.size()};
    if (synced.with_folder) sync_folder();
  }
}

void Disk::sync_folder() {
  for (auto& [name, meanings] : names_) meanings = {meanings.back()};
}

Image Disk::crash(Luck luck, Random& random) const {
  Image out;
  for (const auto& [name, meanings] : names_) {
    const std::shared_ptr<File> file = luck == Luck::none  ? meanings.front()
                                       : luck == Luck::all ? meanings.back()
                                                           : random.pick(meanings);
    if (file) out[name] = crash(*file, luck, random);
  }
  return out;
}

std::string Disk::crash(const File& file, Luck luck, Random& random) {
  if (luck == Luck::none) return file.promised;
  if (luck == Luck::all) return file.content;
  std::size_t longest = file.promised.size();
  for (const Pending& write : file.writes) {
    longest = std::max(longest, write.offset + write.bytes.size());
  }
  std::string out = file.promised;
  out.resize(longest, random.chance(50) ? '\0' : '\xa5');
  for (std::size_t begin = 0; begin < longest; begin += kSector) {
    // The writes of this sector, in their order: it is as after some first ones of them, and the
    // last of these may have come to its middle.
    std::vector<Pending> parts;
    for (const Pending& write : file.writes) {
      const std::size_t from = std::max(begin, write.offset);
      const std::size_t to = std::min(begin + kSector, write.offset + write.bytes.size());
      if (from < to) parts.push_back({from, write.bytes.substr(from - write.offset, to - from)});
    }
    const std::size_t kept = parts.empty() ? 0 : random.below(parts.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) {
      const bool torn = i + 1 == kept && random.chance(10);
      const std::string& bytes = parts[i].bytes;
      put(out, parts[i].offset, torn ? bytes.substr(0, random.below(bytes.size() + 1)) : bytes);
    }
  }
  out.resize(random.pick(file.sizes), '\0');
  return out;
}

}  // namespace tenet::testing
