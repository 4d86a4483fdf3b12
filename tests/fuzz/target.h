// What the fuzz targets share: how a broken promise ends the process, and how bytes become choices.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <type_traits>

namespace tenet::fuzz {

// libFuzzer keeps the input of a process that aborts.
inline void require(bool holds, std::string_view promise, std::string_view seen = {}) {
  if (holds) return;
  std::fprintf(stderr, "BROKEN: %.*s\n%.*s\n", static_cast<int>(promise.size()), promise.data(),
               static_cast<int>(seen.size()), seen.data());
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// `seen` makes its text only when it is needed.
template <class Seen>
requires std::is_invocable_r_v<std::string, Seen>
void require(bool holds, std::string_view promise, const Seen& seen) {
  if (!holds) require(false, promise, std::string_view(seen()));
}

// Takes choices off the front of an input; zeros once it is used up.
class Choices {
 public:
  explicit Choices(std::string_view bytes) : rest_(bytes) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto out = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return out;
  }
  std::size_t below(std::size_t n) { return byte() % n; }
  std::uint32_t word() {
    std::uint32_t out = 0;
    for (int i = 0; i < 4; ++i) out = out << 8 | byte();
    return out;
  }
  // As many bytes as the next one says.
  std::string text() {
    const std::string_view out = rest_.substr(0, byte());
    return take(out.size());
  }
  std::string rest() { return take(rest_.size()); }

 private:
  std::string take(std::size_t size) {
    std::string out(rest_.substr(0, size));
    rest_.remove_prefix(out.size());
    return out;
  }
  std::string_view rest_;
};

}  // namespace tenet::fuzz

// Defined by each target; called by libFuzzer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
