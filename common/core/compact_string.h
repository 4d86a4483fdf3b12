// A string that is empty in nearly all of very many objects: 8 bytes instead of 32.
#pragma once

#include <memory>
#include <string>
#include <utility>

namespace tenet {

class CompactString {
 public:
  CompactString() = default;
  CompactString(std::string text)
      : text_(text.empty() ? nullptr : std::make_unique<const std::string>(std::move(text))) {}
  CompactString(const char* text) : CompactString(std::string(text)) {}
  CompactString(const CompactString& other) : CompactString(other.str()) {}
  CompactString(CompactString&&) = default;
  CompactString& operator=(CompactString other) {
    text_.swap(other.text_);
    return *this;
  }
  ~CompactString() = default;

  bool empty() const { return text_ == nullptr; }
  const std::string& str() const {
    static const std::string kNone;
    return text_ ? *text_ : kNone;
  }
  operator const std::string&() const { return str(); }
  bool operator==(const CompactString& other) const { return str() == other.str(); }

 private:
  std::unique_ptr<const std::string> text_;  // nothing if empty
};

}  // namespace tenet
