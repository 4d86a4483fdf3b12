// What a broker sends: the guard gives one verdict however the bytes are cut, keeps its limits, and
// sees no stanza end later than gloox's parser does.
#include <gloox/parser.h>
#include <gloox/taghandler.h>

#include <algorithm>
#include <vector>

#include "common/xmpp/stream_guard.h"
#include "common/xmpp/tag.h"
#include "common/xmpp/trace.h"
#include "common/xmpp/xml.h"
#include "tests/fuzz/target.h"

namespace tenet::fuzz {
namespace {

std::size_t depth_of(const Element& element) {
  std::size_t below = 0;
  for (const Element& child : element.children) below = std::max(below, depth_of(child));
  return below + 1;
}

// What the parser hands out, taken as Stream takes it.
class Sink : public gloox::TagHandler {
 public:
  explicit Sink(std::size_t max_depth) : max_depth_(max_depth) {}
  void handleTag(gloox::Tag* tag) override {
    if (tag == nullptr) return;
    ++tags;
    xmpp::traceable(tag->xml());
    const Element element = xmpp::to_element(*tag);
    require(depth_of(element) <= max_depth_, "no element is deeper than the limit", tag->xml());
    xmpp::to_xml(element);
  }
  std::size_t tags = 0;

 private:
  std::size_t max_depth_;
};

struct Verdict {
  std::string error;
  bool closed = false;
  std::vector<std::size_t> ends = {};  // of units: the offset behind each
  bool operator==(const Verdict&) const = default;
};

Verdict judge(xmpp::StreamGuard guard, std::string_view bytes, std::size_t piece) {
  Verdict out;
  for (std::size_t offset = 0; offset < bytes.size();) {
    const std::size_t limit = std::min(piece - offset % piece, bytes.size() - offset);
    const auto used = guard.scan(bytes.substr(offset, limit));
    if (!used) {
      out.error = used.error().text;
      require(!guard.scan("<a/>"), "an error stays");
      break;
    }
    require(*used > 0 && *used <= limit, "a scan proceeds, within its bytes");
    offset += *used;
    // At the end of the bytes, the end of a unit and its middle look alike.
    if (*used < limit) out.ends.push_back(offset);
  }
  out.closed = guard.closed();
  return out;
}

}  // namespace
}  // namespace tenet::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenet::fuzz;
  Choices choices(text_of(data, size));
  const std::size_t max_bytes = 32 + 8 * std::size_t{choices.byte()};
  const std::size_t max_depth = 1 + choices.below(8);
  const std::size_t piece = 1 + choices.below(40);
  const std::string bytes = choices.rest() + " ";  // so that the last end shows

  const tenet::xmpp::StreamGuard guard(max_bytes, max_depth);
  const Verdict whole = judge(guard, bytes, bytes.size() + 1);
  const Verdict pieces = judge(guard, bytes, piece);
  require(whole.error == pieces.error && whole.closed == pieces.closed,
          "the verdict does not depend on how bytes are cut", whole.error + " / " + pieces.error);

  // As Stream does it: unit by unit.
  Sink sink(max_depth);
  gloox::Parser parser(&sink);
  std::size_t begin = 0;
  std::size_t units = 0;
  for (const std::size_t end : whole.ends) {
    std::string unit = bytes.substr(begin, end - begin);
    const auto first = unit.find('<');
    require(first == std::string::npos || unit.size() - first <= max_bytes || units == 0,
            "no unit is larger than the limit", unit);
    begin = end;
    if (parser.feed(unit) >= 0) return 0;  // not well-formed: the stream ends
    ++units;
    if (whole.closed && end == whole.ends.back()) return 0;  // the parser does not tell
    require(sink.tags <= units, "the parser ends no stanza before the guard does",
            std::string_view(bytes).substr(0, end));
    if (sink.tags < units) return 0;  // Stream ends, too: the parser waits for more
  }
  return 0;
}
