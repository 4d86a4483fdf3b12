#include "device-agent/datapath/linux/kernel/probe.h"

#include <linux/netfilter.h>

#include <cstring>

#include "device-agent/datapath/linux/kernel/link_writer.h"
#include "device-agent/datapath/linux/kernel/links.h"
#include "device-agent/datapath/linux/kernel/nft_transaction.h"
#include "device-agent/datapath/linux/program/program.h"

namespace tenet::device {
namespace {

template <class T>
constexpr std::size_t index_of() {
  return Intent(std::in_place_type<T>).index();
}

// The kernel's reason for refusing the table; empty if it accepts it.
Result<std::string> try_table(NetlinkSocket& socket, nft::TableFamily family,
                              const nft::Table& table) {
  nft::Transaction transaction;
  // Removed within its own transaction: no packet sees it.
  const nft::TableName name{family, "tenet-probe"};
  for (nft::Change& change : nft::creation(table)) transaction.add(name, std::move(change));
  transaction.add(name, nft::RemoveTable{});
  auto refused = transaction.commit(socket);
  if (!refused) return fail(refused.error());
  return refused->empty() ? "" : std::string(std::strerror(refused->front().number));
}

// The base table and a network with that intent.
nft::Table table_with(const Intent& intent) {
  nft::Table out = nft::bridge_base({"probe"});
  out.add(nft::network_part(Vnid(1), {intent}));
  return out;
}

// Bridges with snooping and VXLAN devices are optional in the kernel. Returns the reason for
// refusing one; empty if it accepts it.
Result<std::string> try_links(NetlinkSocket& socket, bool vxlan) {
  const std::string name = vxlan ? "tx-probe" : "tb-probe";
  auto old = read_link(socket, name);
  if (!old) return fail(old.error());
  if (*old && !(*old)->ours()) return "a link " + name + " exists that is not Tenet's";
  if (*old) {
    if (auto gone = remove_link(socket, (*old)->index); !gone) return fail(gone.error());
  }
  // UDP port 1: VNI 1 of another link uses another port and does not conflict.
  auto made = vxlan ? add_vxlan(socket, name, VxlanLink{1, std::nullopt, 0, 1}, 0)
                    : add_bridge(socket, name, BridgeLink{true});
  if (!made) return made.error().text;
  auto link = read_link(socket, name);
  if (!link) return fail(link.error());
  if (*link) {
    if (auto gone = remove_link(socket, (*link)->index); !gone) return fail(gone.error());
  }
  return std::string();
}

}  // namespace

Result<Capabilities> probe(NetlinkSocket& netfilter, NetlinkSocket& route,
                           const Underlay& underlay) {
  using nft::TableFamily;
  Capabilities out;
  auto base = try_table(netfilter, TableFamily::bridge, nft::bridge_base({"probe"}));
  if (!base) return fail(base.error());
  if (!base->empty()) {
    return fail(Code::unsupported,
                "this kernel cannot filter bridged frames as Tenet needs it: " + *base);
  }
  const auto note = [&](std::size_t intent, const Result<std::string>& reason) {
    if (!reason) return false;
    if (!reason->empty()) out.unsupported_because[intent] = "this kernel says: " + *reason;
    return true;
  };
  // The intents that become rules.
  const std::vector<Intent> rules{Filter{}, RateLimit{Direction::to_vm, BitRate(1'000'000)},
                                  Mark{1, 1}, DhcpGuard{}, Inspect{}};
  for (const Intent& intent : rules) {
    auto reason = try_table(netfilter, TableFamily::bridge, table_with(intent));
    if (!note(intent.index(), reason)) return fail(reason.error());
  }
  auto mirror = try_table(netfilter, TableFamily::netdev, nft::mirror_part("lo", 1));
  if (!note(index_of<Mirror>(), mirror)) return fail(mirror.error());
  auto bridge = try_links(route, false);
  if (!note(index_of<IgmpSnoop>(), bridge)) return fail(bridge.error());
  if (underlay.port.empty()) {
    out.unsupported_because[index_of<Segment>()] = "datapath.underlay is not configured";
    return out;
  }
  auto vxlan = try_links(route, true);
  if (!note(index_of<Segment>(), vxlan)) return fail(vxlan.error());
  return out;
}

}  // namespace tenet::device
