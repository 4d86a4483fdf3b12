#include "common/core/intent.h"
#include "common/core/match_text.h"

namespace tenet {
namespace {

struct Writer {
  std::string operator()(const Filter& f) const {
    std::string out;
    for (const Rule& rule : f.rules)
      out += std::to_string(rule.id) + " " + tenet::text(rule) + "; ";
    return out + "otherwise " + std::string(action_name(f.otherwise));
  }
  std::string operator()(const RateLimit& r) const {
    return std::string(direction_name(r.direction)) + " " + r.rate.text();
  }
  std::string operator()(const Reserve& r) const { return r.rate.text(); }
  std::string operator()(const Mark& m) const {
    std::string out;
    if (m.dscp) out += "dscp " + std::to_string(*m.dscp);
    if (m.priority) out += (out.empty() ? "" : " ") + ("priority " + std::to_string(*m.priority));
    return out;
  }
  std::string operator()(const Segment& s) const {
    return "vni " + std::to_string(s.vni) + (s.group ? " group " + s.group->text() : "");
  }
  std::string operator()(const DhcpGuard&) const { return {}; }
  std::string operator()(const IgmpSnoop&) const { return {}; }
  std::string operator()(const Mirror& m) const { return m.sensor; }
  std::string operator()(const Inspect& i) const {
    return "queue " + std::to_string(i.queue) + (i.open ? " open" : " closed");
  }
};

}  // namespace

std::string text(const Intent& intent) {
  const std::string rest = std::visit(Writer{}, intent);
  return std::string(intent_name(intent)) + (rest.empty() ? "" : " " + rest);
}

}  // namespace tenet
