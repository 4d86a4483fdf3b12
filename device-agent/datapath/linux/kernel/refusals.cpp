#include "device-agent/datapath/linux/kernel/refusals.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "device-agent/datapath/linux/program/program.h"

namespace tenet::device {
namespace {

bool has_element(const nft::Table& table, const std::string& set, const nft::Element& element) {
  const auto found = table.elements.find(set);
  return found != table.elements.end() &&
         std::find(found->second.begin(), found->second.end(), element) != found->second.end();
}

}  // namespace

bool means_drift(int number) {
  return number == ENOENT || number == EEXIST || number == EBUSY;
}

std::string change_text(const nft::Transaction::Refusal& refusal) {
  return refusal.step == nullptr ? "the transaction" : nft::text(refusal.step->change);
}

Error no_sensor(const std::string& sensor) {
  return {Code::unsupported,
          "the sensor port " + sensor + " does not exist",
          {.entry = "intrusion-detection sensor " + sensor}};
}

std::vector<DriverRefusal> explain_refusal(const DatapathDelta& delta,
                                           const std::vector<nft::Transaction::Refusal>& refused) {
  const auto& first = refused.front();
  Error error{means_drift(first.number) ? Code::io : Code::unsupported,
              "the kernel refuses " + change_text(first) + ": " + std::strerror(first.number)};
  std::vector<DriverRefusal> out;
  if (first.step != nullptr) {
    const nft::Change& change = first.step->change;
    std::optional<Vnid> vnid;
    if (const auto* rule = std::get_if<nft::AddRule>(&change)) vnid = nft::chain_vnid(rule->chain);
    if (const auto* chain = std::get_if<nft::AddChain>(&change)) {
      vnid = nft::chain_vnid(chain->name);
    }
    if (vnid && delta.networks.contains(*vnid)) out.push_back({*vnid, error});
    if (const auto* added = std::get_if<nft::AddElement>(&change)) {
      for (const auto& [key, member] : delta.members) {
        if (member.after &&
            has_element(nft::member_part(key.vnid, *member.after), added->set, added->element)) {
          out.push_back({key, error});
        }
      }
    }
  }
  return out.empty() ? refuse_all(delta, error) : out;
}

std::vector<DriverRefusal> attribute_errors(const DatapathDelta& delta, Vnid vnid,
                                            const std::vector<Error>& errors) {
  std::vector<DriverRefusal> out;
  for (const Error& error : errors) {
    const bool of_port = error.witness.entry.starts_with("port ");
    const std::size_t before = out.size();
    for (const auto& [key, change] : delta.members) {
      if (key.vnid != vnid || !change.after) continue;
      const bool its_port = error.witness.entry == "port " + change.after->port.str();
      // A network that does not change has its bridge already: the new VMs are the cause.
      if (its_port || (!of_port && !delta.networks.contains(vnid))) out.push_back({key, error});
    }
    if (out.size() == before) out.push_back({vnid, error});
  }
  return out;
}

}  // namespace tenet::device
