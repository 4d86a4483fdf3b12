#include "common/xmpp/stream_guard.h"

#include <algorithm>
#include <array>

namespace tenet::xmpp {
namespace {

constexpr std::string_view kCdata = "[CDATA[";
constexpr std::string_view kDeclaration = "xml";
constexpr std::size_t kMaxEntity = 10;  // "#x0010FFFF" is the longest sensible one

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// XML 1.0 section 2.2, as far as single bytes show.
bool is_forbidden(char c) {
  const auto u = static_cast<unsigned char>(c);
  return u < 0x20 && !is_space(c);
}

// What a name may hold, as far as markup goes.
bool is_name(char c) {
  return !is_space(c) && std::string_view("<>&=/\"'").find(c) == std::string_view::npos;
}

bool is_predefined(std::string_view name) {
  constexpr std::array<std::string_view, 5> kNames{"lt", "gt", "amp", "quot", "apos"};
  if (std::find(kNames.begin(), kNames.end(), name) != kNames.end()) return true;
  if (name.size() < 2 || name[0] != '#') return false;
  const bool hex = name[1] == 'x';
  const std::string_view digits = name.substr(hex ? 2 : 1);
  return !digits.empty() && digits.find_first_not_of(hex ? "0123456789abcdefABCDEF"
                                                         : "0123456789") == std::string_view::npos;
}

}  // namespace

StreamGuard::StreamGuard(std::size_t max_stanza_bytes, std::size_t max_depth)
    : max_stanza_bytes_(max_stanza_bytes), max_depth_(max_depth) {}

void StreamGuard::restart() {
  const bool failed = failed_;
  const std::size_t units = units_;
  Error error = std::move(error_);
  *this = StreamGuard(max_stanza_bytes_, max_depth_);
  failed_ = failed;
  units_ = units;
  error_ = std::move(error);
}

void StreamGuard::fail_with(std::string text) {
  if (failed_) return;
  failed_ = true;
  error_ = Error{Code::invalid, std::move(text), {}};
}

Result<std::size_t> StreamGuard::scan(std::string_view bytes) {
  std::size_t used = 0;
  while (!failed_ && used < bytes.size()) {
    const bool end = step(bytes[used++]);
    if (failed_) break;
    if (!end) continue;
    ++units_;
    return used;
  }
  if (failed_) return fail(error_);
  return used;
}

bool StreamGuard::step(char c) {
  if (is_forbidden(c)) {
    fail_with("the broker sent a control character that XML 1.0 forbids");
    return false;
  }
  // Whitespace between stanzas is a keep-alive and belongs to no unit (RFC 6120 section 4.6.1).
  const bool between = state_ == State::text && depth_ <= 1;
  if (!between || c == '<') {
    if (++unit_bytes_ > max_stanza_bytes_) {
      fail_with("the broker sent a stanza of more than " + std::to_string(max_stanza_bytes_) +
                " bytes");
      return false;
    }
  }
  switch (state_) {
    case State::text:
      if (c == '<') {
        state_ = State::open;
      } else if (depth_ <= 1 && !is_space(c)) {
        fail_with("the broker sent character data outside of a stanza");
      } else if (c == '&') {
        state_ = State::entity;
        entity_from_ = State::text;
        entity_.clear();
      } else if (depth_ == 0) {
        stream_bytes_ = 1;
      }
      return false;
    case State::open:
      return open_tag(c);
    case State::declaration:
      if (matched_ < kDeclaration.size()) {
        if (c != kDeclaration[matched_++]) fail_with("the broker sent a processing instruction");
      } else if (matched_ == kDeclaration.size()) {
        ++matched_;
        if (!is_space(c)) fail_with("the broker sent a processing instruction");
      } else if (c == '<' || (c == '>' && previous_ != '?')) {
        // gloox's parser would take the declaration for ended, and look for elements.
        fail_with("the broker sent a malformed XML declaration");
      } else if (c == '>') {
        state_ = State::text;
      }
      previous_ = c;
      return false;
    case State::tag_name:
    case State::attributes:
    case State::attribute_name:
    case State::equals:
    case State::value:
    case State::quote_end:
    case State::slash:
      return within_start_tag(c);
    case State::quoted:
      if (c == '<') {
        fail_with("the broker sent a '<' inside an attribute");
      } else if (c == '&') {
        state_ = State::entity;
        entity_from_ = State::quoted;
        entity_.clear();
      } else if (c == quote_) {
        state_ = State::quote_end;
      }
      return false;
    case State::end_tag:
      if (c == '<' || c == '"' || c == '\'') {
        fail_with("the broker sent a malformed end tag");
      } else if (c == '>') {
        --depth_;
        state_ = depth_ == 0 ? State::closed : State::text;
        if (depth_ > 1) return false;
        unit_bytes_ = 0;
        return true;
      }
      return false;
    case State::bang:
      // Only CDATA inside of a stanza: comments and document types are forbidden.
      if (depth_ < 2 || c != kCdata[matched_]) {
        fail_with("the broker sent a comment or a document type");
      } else if (++matched_ == kCdata.size()) {
        state_ = State::cdata;
        matched_ = 0;
      }
      return false;
    case State::cdata:
      if (c == '>' && matched_ == 2) {
        state_ = State::text;
      } else if (c == ']') {
        matched_ = std::min<std::size_t>(matched_ + 1, 2);
      } else {
        matched_ = 0;
      }
      return false;
    case State::entity:
      if (c == ';') {
        end_entity();
      } else if (entity_.size() >= kMaxEntity) {
        fail_with("the broker sent an entity that is not predefined");
      } else {
        entity_ += c;
      }
      return false;
    case State::closed:
      if (!is_space(c)) fail_with("the broker sent data after the end of the stream");
      return false;
  }
  return false;
}

// After '<'.
bool StreamGuard::open_tag(char c) {
  previous_ = c;
  matched_ = 0;
  const bool first = stream_bytes_ == 0;
  stream_bytes_ = 1;
  if (c == '?') {
    // The XML declaration, and only as the very first thing of a stream (XML 1.0 section 2.8).
    if (depth_ != 0 || !first) fail_with("the broker sent a processing instruction");
    state_ = State::declaration;
  } else if (c == '!') {
    state_ = State::bang;
  } else if (c == '/') {
    if (depth_ == 0) fail_with("the broker sent an end tag before the stream header");
    state_ = State::end_tag;
  } else if (!is_name(c)) {
    fail_with("the broker sent a malformed tag");
  } else {
    // depth_ counts the stream element as well, max_depth_ does not.
    if (depth_ > max_depth_) {
      fail_with("the broker sent elements nested deeper than " + std::to_string(max_depth_));
    }
    state_ = State::tag_name;
  }
  return false;
}

// By the grammar (XML 1.0 section 3.1), since a parser that is lenient elsewhere would see quotes
// begin and end in other places.
bool StreamGuard::within_start_tag(char c) {
  const bool space = is_space(c);
  const bool ends = state_ == State::tag_name || state_ == State::attributes ||
                    state_ == State::quote_end;  // where the tag may end
  if (state_ == State::slash) {
    if (c == '>') return end_start_tag(true);
  } else if (ends && c == '>') {
    return end_start_tag(false);
  } else if (ends && c == '/') {
    state_ = State::slash;
    return false;
  } else if (ends && space) {
    state_ = State::attributes;
    return false;
  } else if (state_ == State::value) {
    if (space) return false;
    if (c == '"' || c == '\'') {
      quote_ = c;
      state_ = State::quoted;
      return false;
    }
  } else if (state_ == State::attribute_name || state_ == State::equals) {
    if (c == '=' || space) {
      state_ = c == '=' ? State::value : State::equals;
      return false;
    }
    if (state_ == State::attribute_name && is_name(c)) return false;
  } else if (state_ != State::quote_end && is_name(c)) {
    if (state_ == State::attributes) state_ = State::attribute_name;
    return false;
  }
  fail_with("the broker sent a malformed tag");
  return false;
}

// At the '>' of a start tag.
bool StreamGuard::end_start_tag(bool empty) {
  state_ = State::text;
  if (depth_ == 0) {
    if (empty) {
      state_ = State::closed;
    } else {
      depth_ = 1;
    }
  } else if (!empty) {
    ++depth_;
    return false;
  }
  if (depth_ > 1) return false;
  unit_bytes_ = 0;
  return true;
}

void StreamGuard::end_entity() {
  if (!is_predefined(entity_)) {
    fail_with("the broker sent an entity that is not predefined");
    return;
  }
  state_ = entity_from_;
}

}  // namespace tenet::xmpp
