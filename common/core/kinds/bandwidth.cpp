#include "common/core/kinds/bandwidth.h"

#include "common/core/attributes.h"
#include "common/core/kinds/format.h"

namespace tenet {

Result<Bandwidth> parse_bandwidth(const Element& element) {
  Attributes in(element);
  Bandwidth out;
  out.from_vm = in.optional_result<BitRate>("from-vm", BitRate::parse);
  out.to_vm = in.optional_result<BitRate>("to-vm", BitRate::parse);
  out.reserve = in.optional_result<BitRate>("reserve", BitRate::parse);
  if (auto error = in.finish()) return fail(*error);
  if (out == Bandwidth{}) {
    return fail(Code::invalid, "bandwidth: write at least one of from-vm, to-vm, reserve",
                {.entry = "bandwidth"});
  }
  return out;
}

Element format(const Bandwidth& bandwidth) {
  Element out = kind_element("bandwidth");
  if (bandwidth.from_vm) out.set("from-vm", bandwidth.from_vm->text());
  if (bandwidth.to_vm) out.set("to-vm", bandwidth.to_vm->text());
  if (bandwidth.reserve) out.set("reserve", bandwidth.reserve->text());
  return out;
}

void compile(const Bandwidth& bandwidth, Vnid, std::vector<Intent>& out) {
  if (bandwidth.from_vm) out.emplace_back(RateLimit{Direction::from_vm, *bandwidth.from_vm});
  if (bandwidth.to_vm) out.emplace_back(RateLimit{Direction::to_vm, *bandwidth.to_vm});
  if (bandwidth.reserve) out.emplace_back(Reserve{*bandwidth.reserve});
}

}  // namespace tenet
