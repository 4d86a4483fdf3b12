#include "tests/support/generators.h"
#include "common/core/match_text.h"
#include "common/core/rule_element.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <ostream>
#include <utility>

namespace tenet::testing {
namespace {

namespace gen = rc::gen;

constexpr std::string_view kAlphanumeric =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
constexpr std::string_view kInIdentifiers =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/-";

// gen::inRange has an open upper end, and these want the closed one, up to the type's own.
rc::Gen<std::uint64_t> between(std::uint64_t first, std::uint64_t last) {
  const std::uint64_t span = last - first;
  if (span == std::numeric_limits<std::uint64_t>::max()) return gen::arbitrary<std::uint64_t>();
  return gen::map(gen::inRange<std::uint64_t>(0, span + 1),
                  [first](std::uint64_t n) { return first + n; });
}

// Mostly small, sometimes anything: small numbers collide, large ones find the edges.
rc::Gen<std::uint64_t> number(std::uint64_t first, std::uint64_t last) {
  return gen::weightedOneOf<std::uint64_t>(
      {{6, between(first, std::min(last, first + 20))},
       {3, between(first, last)},
       {1, gen::elementOf(std::vector<std::uint64_t>{first, last, last - 1})}});
}

rc::Gen<char> one_of(std::string_view characters) {
  return gen::elementOf(std::vector<char>(characters.begin(), characters.end()));
}

template <std::size_t N>
rc::Gen<std::array<std::uint8_t, N>> bytes() {
  return gen::container<std::array<std::uint8_t, N>>(gen::arbitrary<std::uint8_t>());
}

template <class T>
rc::Gen<std::optional<T>> maybe(rc::Gen<T> value) {
  return gen::weightedOneOf<std::optional<T>>(
      {{2, gen::just(std::optional<T>())},
       {3, gen::map(std::move(value), [](T v) { return std::optional<T>(std::move(v)); })}});
}

// Mostly few, sometimes as many as `most`: nested lists of rapidcheck's own size take minutes.
template <class T>
rc::Gen<std::vector<T>> list(rc::Gen<T> element, std::size_t most) {
  const auto count = gen::weightedOneOf<std::size_t>(
      {{8, gen::inRange<std::size_t>(0, std::min<std::size_t>(most, 4) + 1)},
       {1, gen::inRange<std::size_t>(0, most + 1)}});
  return gen::mapcat(count, [element = std::move(element)](std::size_t n) {
    return gen::container<std::vector<T>>(n, element);
  });
}

// ---- rules -----------------------------------------------------------------------------------

rc::Gen<PortRange> any_ports() {
  return gen::map(
      gen::pair(number(0, 65535), number(0, 65535)),
      [](const std::pair<std::uint64_t, std::uint64_t>& ends) {
        const auto [low, high] = std::minmax(ends.first, ends.second);
        return PortRange{static_cast<std::uint16_t>(low), static_cast<std::uint16_t>(high)};
      });
}

// Takes away what contradicts something more specific, and lets the codec fill in what is implied.
Rule made_valid(Rule rule) {
  Match& m = rule.match;
  if (m.source && m.destination && m.source->family() != m.destination->family()) {
    m.destination.reset();
  }
  const auto prefix = m.source ? m.source : m.destination;
  if (prefix) {
    m.ethertype = prefix->family() == Family::ipv4 ? ethertype::kIpv4 : ethertype::kIpv6;
  }
  const bool ip =
      !m.ethertype || m.ethertype == ethertype::kIpv4 || m.ethertype == ethertype::kIpv6;
  const auto needs = [&](std::uint8_t protocol, std::uint16_t type) {
    return m.protocol == protocol && m.ethertype && m.ethertype != type;
  };
  if (!ip || needs(ip_protocol::kIcmp, ethertype::kIpv4) ||
      needs(ip_protocol::kIcmpv6, ethertype::kIpv6)) {
    m.protocol.reset();
  }
  const auto is = [&](std::uint8_t protocol) { return m.protocol == protocol; };
  if (!is(ip_protocol::kTcp) && !is(ip_protocol::kUdp) && !is(ip_protocol::kSctp)) {
    m.source_port.reset();
    m.destination_port.reset();
  }
  if (!is(ip_protocol::kIcmp) && !is(ip_protocol::kIcmpv6)) m.icmp_type.reset();
  if (!is(ip_protocol::kTcp)) m.established = false;
  auto parsed = parse_rule(format_rule(rule, {}));
  RC_ASSERT(parsed.has_value());
  return *parsed;
}

rc::Gen<Match> any_match() {
  return gen::build<Match>(
      gen::set(&Match::direction, gen::element(Direction::from_vm, Direction::to_vm)),
      gen::set(&Match::ethertype,
               maybe(gen::map(
                   gen::oneOf(gen::elementOf(std::vector<std::uint64_t>{0x0800, 0x0806, 0x86DD}),
                              between(0x0600, 0xFFFF)),
                   [](std::uint64_t n) { return static_cast<std::uint16_t>(n); }))),
      gen::set(&Match::protocol,
               maybe(gen::oneOf(gen::elementOf(std::vector<std::uint8_t>{1, 6, 17, 58, 132}),
                                gen::arbitrary<std::uint8_t>()))),
      gen::set(&Match::source, maybe(any_prefix())),
      gen::set(&Match::destination, maybe(any_prefix())),
      gen::set(&Match::source_port, maybe(any_ports())),
      gen::set(&Match::destination_port, maybe(any_ports())),
      gen::set(&Match::icmp_type, maybe(gen::arbitrary<std::uint8_t>())),
      gen::set(&Match::established, gen::arbitrary<bool>()));
}

// ---- kinds -----------------------------------------------------------------------------------

rc::Gen<VirtualNetwork> any_virtual_network() {
  return gen::build<VirtualNetwork>(
      gen::set(&VirtualNetwork::multicast, maybe(any_group())),
      gen::set(&VirtualNetwork::vni, maybe(gen::map(number(0, Vnid::kMaxId), [](std::uint64_t n) {
        return static_cast<std::uint32_t>(n);
      }))));
}

rc::Gen<Bandwidth> any_bandwidth() {
  return gen::map(
      gen::tuple(any_rate(), maybe(any_rate()), maybe(any_rate()), between(0, 2)),
      [](const std::tuple<BitRate, std::optional<BitRate>, std::optional<BitRate>, std::uint64_t>&
             made) {
        const auto& [sure, second, third, turn] = made;
        std::array<std::optional<BitRate>, 3> rates{sure, second, third};
        std::rotate(rates.begin(), rates.begin() + static_cast<std::ptrdiff_t>(turn), rates.end());
        return Bandwidth{rates[0], rates[1], rates[2]};
      });
}

rc::Gen<Qos> any_qos() {
  return gen::map(gen::tuple(between(0, 63), between(0, 7), between(0, 2)),
                  [](const std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>& made) {
                    const auto& [dscp, priority, which] = made;
                    Qos out;
                    if (which != 1) out.dscp = static_cast<std::uint8_t>(dscp);
                    if (which != 2) out.priority = static_cast<std::uint8_t>(priority);
                    return out;
                  });
}

template <class Kind>
rc::Gen<PolicyEntry> entry(rc::Gen<Kind> kind) {
  return gen::map(std::move(kind), [](Kind made) { return PolicyEntry(std::move(made)); });
}

rc::Gen<std::vector<PolicyEntry>> any_entries() {
  const std::vector<rc::Gen<PolicyEntry>> kinds{
      entry(any_virtual_network()),
      entry(any_bandwidth()),
      entry(any_acl()),
      entry(any_qos()),
      entry(gen::build<DhcpSnooping>(gen::set(&DhcpSnooping::enabled, gen::arbitrary<bool>()))),
      entry(gen::build<IgmpSnooping>(gen::set(&IgmpSnooping::enabled, gen::arbitrary<bool>()))),
      entry(
          gen::build<IntrusionDetection>(gen::set(&IntrusionDetection::sensor, any_identifier()))),
      entry(gen::build<IntrusionPrevention>(
          gen::set(&IntrusionPrevention::queue, gen::arbitrary<std::uint16_t>()),
          gen::set(&IntrusionPrevention::open, gen::arbitrary<bool>()))),
  };
  // Each kind at most once, in any order: Policy sorts them.
  return gen::exec([kinds] {
    std::vector<PolicyEntry> out;
    for (const rc::Gen<PolicyEntry>& kind : kinds) {
      if (*between(0, 2) == 0) out.push_back(*kind);
    }
    if (*gen::arbitrary<bool>()) std::reverse(out.begin(), out.end());
    return out;
  });
}

Vm made_vm(Vm vm) {
  auto made = make_vm(std::move(vm));
  RC_ASSERT(made.has_value());
  return *std::move(made);
}

}  // namespace

// ---- values ----------------------------------------------------------------------------------

rc::Gen<Vnid> any_vnid() {
  return gen::map(gen::pair(number(0, Vnid::kMaxId),
                            gen::weightedOneOf<std::uint64_t>(
                                {{2, gen::just<std::uint64_t>(0)}, {1, between(0, 255)}})),
                  [](const std::pair<std::uint64_t, std::uint64_t>& made) {
                    return Vnid(static_cast<std::uint32_t>(made.first),
                                static_cast<std::uint8_t>(made.second));
                  });
}

rc::Gen<Vnid> one_of_vnids(std::size_t count) {
  return gen::map(gen::inRange<std::size_t>(0, count), [](std::size_t n) {
    return Vnid(static_cast<std::uint32_t>(4096 + n / 2), static_cast<std::uint8_t>(n % 2));
  });
}

rc::Gen<std::string> any_identifier() {
  return gen::map(
      gen::pair(one_of(kAlphanumeric), gen::container<std::string>(one_of(kInIdentifiers))),
      [](const std::pair<char, std::string>& made) {
        return (made.first + made.second).substr(0, 64);
      });
}

rc::Gen<VmId> one_of_vms(std::size_t count) {
  return gen::map(gen::inRange<std::size_t>(1, count + 1),
                  [](std::size_t n) { return "vm-" + std::to_string(n); });
}

rc::Gen<Mac> any_mac() {
  return gen::map(bytes<6>(), [](std::array<std::uint8_t, 6> made) {
    made[0] = static_cast<std::uint8_t>(made[0] & 0xFE);
    if (made == std::array<std::uint8_t, 6>{}) made[5] = 1;
    return Mac(made);
  });
}

rc::Gen<IpAddress> any_address() {
  return gen::map(gen::pair(gen::arbitrary<bool>(), bytes<16>()),
                  [](std::pair<bool, std::array<std::uint8_t, 16>> made) {
                    if (made.first) return IpAddress(Family::ipv6, made.second);
                    std::fill(made.second.begin() + 4, made.second.end(), std::uint8_t{0});
                    return IpAddress(Family::ipv4, made.second);
                  });
}

rc::Gen<IpAddress> any_host_address() {
  return gen::map(any_address(), [](const IpAddress& made) {
    auto raw = made.bytes();
    if (made.is_multicast()) raw[0] = static_cast<std::uint8_t>(raw[0] & 0x7F);
    const IpAddress host(made.family(), raw);
    if (!host.is_unspecified()) return host;
    raw[made.family() == Family::ipv4 ? 3 : 15] = 1;
    return IpAddress(made.family(), raw);
  });
}

rc::Gen<IpAddress> any_group() {
  return gen::map(any_address(), [](const IpAddress& made) {
    auto raw = made.bytes();
    raw[0] = made.family() == Family::ipv4 ? static_cast<std::uint8_t>(0xE0 | (raw[0] & 0x0F))
                                           : std::uint8_t{0xFF};
    return IpAddress(made.family(), raw);
  });
}

rc::Gen<Prefix> any_prefix() {
  return gen::map(gen::pair(any_address(), between(0, 128)),
                  [](const std::pair<IpAddress, std::uint64_t>& made) {
                    const IpAddress& address = made.first;
                    const int length = static_cast<int>(made.second) % (address.bits() + 1);
                    auto raw = address.bytes();
                    for (int i = 0; i < 16; ++i) {
                      const int keep = std::clamp(length - i * 8, 0, 8);
                      raw[i] = static_cast<std::uint8_t>(raw[i] & (0xFF00 >> keep));
                    }
                    auto prefix = Prefix::parse(IpAddress(address.family(), raw).text() + "/" +
                                                std::to_string(length));
                    RC_ASSERT(prefix.has_value());
                    return *prefix;
                  });
}

rc::Gen<BitRate> any_rate() {
  return gen::map(gen::pair(number(1, BitRate::kMax), gen::elementOf(std::vector<std::uint64_t>{
                                                          1, 1'000, 1'000'000, 1'000'000'000})),
                  [](const std::pair<std::uint64_t, std::uint64_t>& made) {
                    const auto [number, unit] = made;
                    return BitRate(number > BitRate::kMax / unit ? number : number * unit);
                  });
}

rc::Gen<Sha256> any_digest() {
  return gen::map(gen::arbitrary<std::uint32_t>(),
                  [](std::uint32_t n) { return Sha256::of(std::to_string(n)); });
}

rc::Gen<PeerId> any_peer() {
  const auto part = gen::nonEmpty(gen::container<std::string>(one_of("abcxyz0189-")));
  return gen::map(gen::tuple(part, part, any_identifier()),
                  [](const std::tuple<std::string, std::string, std::string>& made) {
                    const auto& [local, domain, resource] = made;
                    return PeerId(local + "@" + domain + ".example/" + resource);
                  });
}

rc::Gen<std::string> any_text() {
  static const std::vector<std::string> kPieces{"a",   "B", "7",  "-", "<", ">", "&",   "\"",   "'",
                                                "]]>", "é", "語", "😀", "=", ";", "a b", "&amp;"};
  return gen::map(gen::nonEmpty(gen::container<std::vector<std::string>>(gen::elementOf(kPieces))),
                  [](const std::vector<std::string>& pieces) {
                    std::string out;
                    for (const std::string& piece : pieces) out += piece;
                    return out;
                  });
}

// ---- policies --------------------------------------------------------------------------------

rc::Gen<Rule> any_rule() {
  return gen::map(gen::tuple(number(1, std::numeric_limits<std::uint32_t>::max()),
                             gen::element(Action::permit, Action::deny), any_match()),
                  [](const std::tuple<std::uint64_t, Action, Match>& made) {
                    const auto& [id, action, match] = made;
                    return made_valid({static_cast<std::uint32_t>(id), action, match});
                  });
}

rc::Gen<Acl> any_acl() {
  return gen::map(gen::pair(gen::element(Action::deny, Action::permit), list(any_rule(), 40)),
                  [](const std::pair<Action, std::vector<Rule>>& made) {
                    std::map<std::uint32_t, Rule> by_id;
                    for (const Rule& rule : made.second) by_id.emplace(rule.id, rule);
                    Acl out{made.first, {}};
                    for (const auto& [id, rule] : by_id) out.rules.push_back(rule);
                    return out;
                  });
}

rc::Gen<PolicyPtr> any_policy_of(Vnid vnid, Revision revision) {
  return gen::map(any_entries(), [vnid, revision](std::vector<PolicyEntry> entries) {
    return std::make_shared<const Policy>(vnid, revision, std::move(entries));
  });
}

rc::Gen<PolicyPtr> any_policy_of(Vnid vnid) {
  return gen::map(gen::pair(number(1, std::numeric_limits<Revision>::max()), any_entries()),
                  [vnid](std::pair<std::uint64_t, std::vector<PolicyEntry>> made) {
                    return std::make_shared<const Policy>(vnid, made.first, std::move(made.second));
                  });
}

rc::Gen<Policy> any_policy() {
  return gen::map(
      gen::tuple(any_vnid(), number(1, std::numeric_limits<Revision>::max()), any_entries()),
      [](std::tuple<Vnid, std::uint64_t, std::vector<PolicyEntry>> made) {
        return Policy(std::get<0>(made), std::get<1>(made), std::move(std::get<2>(made)));
      });
}

// ---- VMs and operations ----------------------------------------------------------------------

rc::Gen<Vm> any_vm() {
  return gen::map(
      gen::build<Vm>(
          gen::set(&Vm::id, any_identifier()), gen::set(&Vm::mac, any_mac()),
          gen::set(&Vm::addresses, list(any_host_address(), 16)),
          gen::set(&Vm::port, gen::oneOf(gen::just(std::string()), any_identifier())),
          gen::set(&Vm::state, gen::element(VmState::associated, VmState::pre_associated)),
          gen::set(&Vm::reserve, gen::arbitrary<bool>())),
      made_vm);
}

rc::Gen<VmPtr> any_vm_named(VmId id) {
  return gen::map(any_vm(), [id = std::move(id)](Vm vm) {
    vm.id = id;
    return std::make_shared<const Vm>(std::move(vm));
  });
}

namespace {

rc::Gen<Operation> operation(Vnid vnid, const rc::Gen<PolicyPtr>& policy, const rc::Gen<VmId>& vm) {
  return gen::exec([vnid, policy, vm]() -> Operation {
    switch (*between(0, 4)) {
      case 0:
        return Dissociate{vnid, *vm};
      case 1:
        return PolicyWithdraw{vnid};
      case 2:
        return PolicySync{*policy};
      case 3:
        return PolicyUpdate{*policy};
      default:
        break;
    }
    Associate out{vnid, *any_vm_named(*vm)};
    out.from = *maybe(any_peer());
    if (*between(0, 3) == 0) out.policy = *policy;
    return out;
  });
}

}  // namespace

rc::Gen<Operation> any_operation() {
  return gen::mapcat(
      any_vnid(), [](Vnid vnid) { return operation(vnid, any_policy_of(vnid), any_identifier()); });
}

rc::Gen<Operation> any_operation_on(Vnid vnid, std::size_t vms, Revision revisions) {
  const auto policy = gen::mapcat(between(1, revisions), [vnid](std::uint64_t revision) {
    return any_policy_of(vnid, revision);
  });
  return operation(vnid, policy, one_of_vms(vms));
}

rc::Gen<Sequence> any_sequence() {
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  return gen::build<Sequence>(gen::set(&Sequence::epoch, number(0, kMax)),
                              gen::set(&Sequence::seq, number(0, kMax)));
}

rc::Gen<Batch> any_batch() {
  return gen::build<Batch>(gen::set(&Batch::sequence, any_sequence()),
                           gen::set(&Batch::operations, gen::nonEmpty(list(any_operation(), 20))));
}

rc::Gen<DeviceView> any_view() {
  const auto network = gen::map(gen::tuple(number(1, 1000), any_digest(), list(any_vm(), 40)),
                                [](const std::tuple<std::uint64_t, Sha256, std::vector<Vm>>& made) {
                                  NetworkView out{{std::get<0>(made), std::get<1>(made)}, {}};
                                  for (const Vm& vm : std::get<2>(made))
                                    out.vms.put(std::make_shared<const Vm>(vm));
                                  return out;
                                });
  return gen::map(list(gen::pair(any_vnid(), network), 40),
                  [](const std::vector<std::pair<Vnid, NetworkView>>& made) {
                    return DeviceView(made.begin(), made.end());
                  });
}

// ---- answers ---------------------------------------------------------------------------------

rc::Gen<Error> any_error() {
  std::vector<Code> codes;
  for (int code = 0; code <= static_cast<int>(Code::io); ++code) {
    codes.push_back(static_cast<Code>(code));
  }
  const auto field = gen::oneOf(gen::just(std::string()), any_text());
  return gen::build<Error>(
      gen::set(&Error::code, gen::elementOf(codes)), gen::set(&Error::text, any_text()),
      gen::set(&Error::witness,
               gen::build<Witness>(
                   gen::set(&Witness::entry, field), gen::set(&Witness::against, field),
                   gen::set(&Witness::packet, field), gen::set(&Witness::capacity, field),
                   gen::set(&Witness::requested, field), gen::set(&Witness::available, field))));
}

rc::Gen<std::vector<OperationResult>> any_results(std::size_t count) {
  return gen::container<std::vector<OperationResult>>(count, maybe(any_error()));
}

}  // namespace tenet::testing

namespace tenet {

void showValue(const Vnid& value, std::ostream& out) {
  out << value.text();
}
void showValue(const Mac& value, std::ostream& out) {
  out << value.text();
}
void showValue(const IpAddress& value, std::ostream& out) {
  out << value.text();
}
void showValue(const Prefix& value, std::ostream& out) {
  out << value.text();
}
void showValue(const BitRate& value, std::ostream& out) {
  out << value.text();
}
void showValue(const Sha256& value, std::ostream& out) {
  out << value.text();
}
void showValue(const PeerId& value, std::ostream& out) {
  out << value.text();
}
void showValue(const Rule& value, std::ostream& out) {
  out << value.id << " " << text(value);
}
void showValue(const Acl& value, std::ostream& out) {
  out << canonical_text(format(value));
}
void showValue(const Policy& value, std::ostream& out) {
  out << canonical_text(value.format());
}
void showValue(const Vm& value, std::ostream& out) {
  out << "vm " << value.id << " " << value.mac.text() << " [" << addresses_text(value) << "] '"
      << value.port.str() << "' " << state_name(value.state) << (value.reserve ? " reserve" : "");
}
void showValue(const Operation& value, std::ostream& out) {
  out << text(value);
  const PolicyPtr* policy = nullptr;
  if (const auto* sync = std::get_if<PolicySync>(&value)) policy = &sync->policy;
  if (const auto* update = std::get_if<PolicyUpdate>(&value)) policy = &update->policy;
  if (const auto* associate = std::get_if<Associate>(&value)) {
    out << " (";
    showValue(*associate->vm, out);
    if (associate->from) out << " from " << associate->from->text();
    out << ")";
    if (associate->policy) policy = &associate->policy;
  }
  if (policy == nullptr) return;
  out << " ";
  showValue(**policy, out);
}
void showValue(const Sequence& value, std::ostream& out) {
  out << text(value);
}
void showValue(const Batch& value, std::ostream& out) {
  out << "batch " << text(value.sequence) << ":";
  for (const Operation& operation : value.operations) {
    out << "\n  ";
    showValue(operation, out);
  }
}
void showValue(const Error& value, std::ostream& out) {
  out << describe(value);
}
void showValue(const NetworkView& value, std::ostream& out) {
  out << "r" << value.stamp.revision << " " << value.stamp.content.text();
  for (const VmPtr& vm : value.vms) {
    out << "\n  ";
    showValue(*vm, out);
  }
}

}  // namespace tenet
