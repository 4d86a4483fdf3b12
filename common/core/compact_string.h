// Text that few objects of very many have: a pointer in the place of the 32 bytes of a string.
#pragma once

#include <memory>
#include <string>
#include <utility>

namespace tenet {

class RareText {
 public:
  RareText() = default;
  RareText(std::string text)
      : text_(text.empty() ? nullptr : std::make_unique<const std::string>(std::move(text))) {}
  RareText(const char* text) : RareText(std::string(text)) {}
  RareText(const RareText& other) : RareText(other.str()) {}
  RareText(RareText&&) = default;
  RareText& operator=(RareText other) {
    text_.swap(other.text_);
    return *this;
  }
  ~RareText() = default;

  bool empty() const { return text_ == nullptr; }
  const std::string& str() const {
    static const std::string kNone;
    return text_ ? *text_ : kNone;
  }
  operator const std::string&() const { return str(); }
  bool operator==(const RareText& other) const { return str() == other.str(); }

 private:
  std::unique_ptr<const std::string> text_;  // nothing if empty
};

}  // namespace tenet
