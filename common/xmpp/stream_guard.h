// Bounds what an XML stream may bring before gloox's parser sees it: that parser has no limit on
// size or depth and overflows the stack on deep nesting. Pure: bytes in, verdicts out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/core/error.h"

namespace tenet::xmpp {

// An incremental scanner of one direction of an XML stream. It follows tags, CDATA sections and
// entities, so that it and the parser agree on where elements begin and end, and rejects what RFC
// 6120 section 11.1 forbids: comments, processing instructions, document types and entities other
// than the predefined ones. It does not check well-formedness beyond that.
class StreamGuard {
 public:
  // `max_stanza_bytes`: of a child of the stream element, from its first `<` to its last `>`; the
  // stream header is bound by it too. `max_depth`: nesting of elements, the stanza counting as 1.
  StreamGuard(std::size_t max_stanza_bytes, std::size_t max_depth);

  // Scans `bytes` up to and including the end of the first complete unit (the stream header, a
  // stanza, or the end of the stream), or all of them if no unit ends in them. Returns how many
  // bytes were scanned; call again with the rest. Errors: invalid, for a forbidden construct or an
  // exceeded limit; every later call then returns the same error.
  Result<std::size_t> scan(std::string_view bytes);

  // The next byte begins a new stream: after the TLS handshake and after SASL success (RFC 6120
  // section 4.3.3) the peer sends a new header without closing the previous stream.
  void restart();

  // The peer has closed its stream.
  bool closed() const { return state_ == State::closed; }
  // How many units are complete, over all streams.
  std::size_t units() const { return units_; }

 private:
  enum class State : std::uint8_t {
    text,         // between tags, inside or outside of a stanza
    open,         // after '<'
    declaration,  // within <?xml ... ?>
    tag_name,     // of a start tag
    attributes,   // after white space in a start tag
    attribute_name,
    equals,     // after an attribute's name, expecting '='
    value,      // expecting a quote
    quoted,     // in an attribute's value
    quote_end,  // right after it
    slash,      // in a start tag, expecting '>'
    end_tag,    // in </name
    bang,       // after "<!", expecting "[CDATA["
    cdata,
    entity,  // after '&', in text or in an attribute's value
    closed,
  };

  bool step(char c);  // true if a unit ends with `c`
  bool open_tag(char c);
  bool within_start_tag(char c);
  bool end_start_tag(bool empty);
  void end_entity();
  void fail_with(std::string text);

  std::size_t max_stanza_bytes_;
  std::size_t max_depth_;
  State state_ = State::text;
  State entity_from_ = State::text;
  char quote_ = 0;
  char previous_ = 0;             // the byte before, inside the declaration
  std::size_t depth_ = 0;         // open elements, the stream element included
  std::size_t unit_bytes_ = 0;    // of the current unit so far
  std::size_t stream_bytes_ = 0;  // since the start of the stream, saturating at 1
  std::size_t units_ = 0;         // complete ones
  std::size_t matched_ = 0;       // of "[CDATA[", of "]]" or of "xml "
  std::string entity_;
  Error error_;
  bool failed_ = false;
};

}  // namespace tenet::xmpp
