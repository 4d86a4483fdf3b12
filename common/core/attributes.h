// Reads the attributes of one element strictly: every attribute is known, well formed and there at
// most once; the first thing wrong is kept, so that a parser reads as a list of fields and asks
// once, at the end, whether all went well.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/element.h"
#include "common/core/error.h"

namespace tenet {

class Attributes {
 public:
  explicit Attributes(const Element& element) : element_(element), name_(element.name) {}

  // How errors call the element; its name unless told.
  void rename(std::string name) { name_ = std::move(name); }

  // `convert` maps text to an optional-like value (nothing: bad). `expected` says what is right.
  template <class T, class Convert>
  std::optional<T> optional(std::string_view key, std::string_view expected, Convert convert) {
    const std::string* value = take(key);
    if (value == nullptr) return std::nullopt;
    auto out = convert(*value);
    if (!out) {
      fail_value(key, *value, expected);
      return std::nullopt;
    }
    return static_cast<T>(*out);
  }

  template <class T, class Convert>
  T required(std::string_view key, std::string_view expected, Convert convert) {
    if (element_.attribute(key) == nullptr) fail_missing(key, expected);
    return optional<T>(key, expected, convert).value_or(T{});
  }

  // `convert` returns a Result, whose error text names the value already.
  template <class T, class Convert>
  std::optional<T> optional_result(std::string_view key, Convert convert) {
    const std::string* value = take(key);
    if (value == nullptr) return std::nullopt;
    auto out = convert(*value);
    if (!out) {
      fail(std::string(key) + ": " + out.error().text);
      return std::nullopt;
    }
    return *std::move(out);
  }

  template <class T, class Convert>
  T required_result(std::string_view key, Convert convert) {
    if (element_.attribute(key) == nullptr) fail_missing(key, {});
    return optional_result<T>(key, convert).value_or(T{});
  }

  // Records an error, unless one is recorded already.
  void fail(const std::string& why);

  // The first error, also for attributes that nobody read and for text inside the element.
  // Children are the caller's affair unless `no_children`.
  std::optional<Error> finish(bool no_children = true);

 private:
  const std::string* take(std::string_view key);
  void fail_value(std::string_view key, std::string_view value, std::string_view expected);
  void fail_missing(std::string_view key, std::string_view expected);

  const Element& element_;
  std::string name_;
  std::vector<std::string_view> known_;
  std::optional<Error> error_;
};

}  // namespace tenet
