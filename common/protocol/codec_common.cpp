#include "common/protocol/codec_common.h"

#include <limits>

#include "common/core/text.h"

namespace tenet::protocol {

Element make(std::string_view name) {
  return Element{std::string(name), std::string(kNamespace)};
}

std::optional<std::uint64_t> number(std::string_view text) {
  return parse_unsigned(text, std::numeric_limits<std::uint64_t>::max());
}

std::optional<std::string> identifier(const std::string& text) {
  return is_identifier(text, 64) ? std::optional(text) : std::nullopt;
}

Element sequence_element(std::string_view name, const Sequence& sequence) {
  Element out = make(name);
  out.set("epoch", std::to_string(sequence.epoch)).set("seq", std::to_string(sequence.seq));
  return out;
}

Sequence read_sequence(Attributes& in) {
  Sequence out;
  out.epoch = in.required<std::uint64_t>("epoch", kNumber, number);
  out.seq = in.required<std::uint64_t>("seq", kNumber, number);
  return out;
}

tl::unexpected<Error> unexpected_element(const Element& element, std::string_view inside) {
  return fail(Code::invalid,
              "the element " + element.name + " is not expected inside " + std::string(inside),
              {.entry = element.name});
}

bool is(const Element& element, std::string_view name) {
  return element.name == name && element.xmlns == kNamespace;
}

// ---- VMs -------------------------------------------------------------------------------------

void write_vm(Element& out, const Vm& vm) {
  out.set("mac", vm.mac.text());
  if (!vm.addresses.empty()) out.set("ip", addresses_text(vm));
  if (!vm.port.empty()) out.set("port", vm.port);
}

// White space between addresses, as in xs:list; commas are for people at consoles.
Result<std::vector<IpAddress>> wire_addresses(std::string_view text) {
  if (text.find(',') != std::string_view::npos) {
    return fail(Code::invalid, "'" + std::string(text) + "' has commas; write white space instead");
  }
  auto out = parse_addresses(text);
  if (out && out->size() > 16) return fail(Code::invalid, "these are more than 16 addresses");
  return out;
}

Vm read_vm(Attributes& in) {
  Vm vm;
  vm.mac = in.required_result<Mac>("mac", Mac::parse);
  vm.addresses = in.optional_result<std::vector<IpAddress>>("ip", wire_addresses)
                     .value_or(std::vector<IpAddress>{});
  vm.port = in.optional<std::string>("port", kIdentifier, identifier).value_or("");
  return vm;
}

Result<VmPtr> finish_vm(Vm vm) {
  auto made = make_vm(std::move(vm));
  if (!made) return fail(made.error());
  return std::make_shared<const Vm>(*std::move(made));
}

Element vm_element(const Vm& vm) {
  Element out = make("vm");
  out.set("id", vm.id);
  write_vm(out, vm);
  out.set("state", std::string(state_name(vm.state)));
  if (vm.reserve) out.set("reserve", "true");
  return out;
}

Result<VmPtr> parse_vm(const Element& element) {
  Attributes in(element);
  const auto id = in.required<std::string>("id", kIdentifier, identifier);
  Vm vm = read_vm(in);
  vm.id = id;
  vm.state = in.required<VmState>("state", "associated or pre-associated",
                                  [](std::string_view t) -> std::optional<VmState> {
                                    if (t == "associated") return VmState::associated;
                                    if (t == "pre-associated") return VmState::pre_associated;
                                    return std::nullopt;
                                  });
  vm.reserve = in.optional<bool>("reserve", "true or false", parse_boolean).value_or(false);
  if (auto error = in.finish()) return fail(*error);
  return finish_vm(std::move(vm));
}

Result<PolicyPtr> read_policy(const Element& element) {
  auto policy = Policy::parse(element);
  if (!policy) return fail(policy.error());
  return std::make_shared<const Policy>(*std::move(policy));
}

Element root_element(std::string_view name, const Sha256& root) {
  Element out = make(name);
  out.set("root", root.text());
  return out;
}

}  // namespace tenet::protocol
