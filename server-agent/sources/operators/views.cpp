#include "server-agent/sources/operators/views.h"

#include <algorithm>

#include "common/command/vnid_filter.h"
#include "common/core/text.h"

namespace tenet::server {

using command::Cell;
using command::Input;
using command::Note;
using command::Output;
using command::Severity;

namespace {

constexpr std::size_t kMaxNotes = 50;  // about devices, in one answer

std::string detail(const std::optional<Error>& error) {
  return error ? describe(*error) : std::string();
}

// What it is not enforced for, or nothing.
std::optional<Note> note_of(const Receipt& r) {
  switch (r.status) {
    case ApplyStatus::enforced:
      return std::nullopt;
    case ApplyStatus::refused:
      return Note{Severity::error,
                  r.device.text() + " refused " + r.object + ": " + detail(r.error)};
    case ApplyStatus::superseded:
      return Note{Severity::warning, r.object + " was changed by a later command"};
    default:
      return Note{Severity::warning, r.device.text() + ": " + r.object + " is " +
                                         std::string(status_name(r.status)) +
                                         "; it is delivered as soon as the device answers" +
                                         (r.error ? " (" + detail(r.error) + ")" : "")};
  }
}

// A device that the configuration no longer names has no link.
std::optional<Enforcement> enforcement_on(const ServerCore& core, const DeviceName& device,
                                          Vnid vnid) {
  const auto link = core.links().find(device);
  return link == core.links().end() ? std::nullopt : link->second.enforcement(vnid);
}

}  // namespace

Output receipt_view(const std::string& title, CommandResult result) {
  Output out{title, {"device", "object", "state", "detail"}};
  const auto attention = [](const Receipt& r) {
    return r.status == ApplyStatus::refused ? 0 : r.status == ApplyStatus::enforced ? 2 : 1;
  };
  std::stable_sort(result.receipts.begin(), result.receipts.end(),
                   [&](const Receipt& a, const Receipt& b) { return attention(a) < attention(b); });
  std::size_t enforced = 0;
  std::size_t unlisted = 0;
  for (const Receipt& r : result.receipts) {
    out.rows.push_back({r.device, r.object, std::string(status_name(r.status)), detail(r.error)});
    if (r.status == ApplyStatus::enforced) ++enforced;
    auto note = note_of(r);
    if (note && out.notes.size() < kMaxNotes) {
      out.notes.push_back(*std::move(note));
    } else if (note) {
      ++unlisted;
    }
  }
  if (unlisted > 0) {
    out.notes.push_back({Severity::warning, counted(unlisted, "more device") + " without it"});
  }
  if (result.rolled_back) {
    out.notes.push_back({Severity::error, "every device refused it: the change is rolled back"});
  } else if (enforced == result.receipts.size()) {
    out.notes.push_back(
        {Severity::info, result.receipts.empty()
                             ? "done; no device is concerned"
                             : "done: durable and enforced on " + counted(enforced, "device")});
  }
  return out;
}

Result<Output> network_view(const ServerCore& core, const Input& in) {
  const auto filter = command::read_vnid_filter(in);
  if (!filter) return fail(filter.error());
  Output out{"Networks",
             {"vnid", "revision", "vms", "device", "state", "enforced", "since", "detail"}};
  for (const auto& [vnid, network] : core.desired().networks()) {
    if (*filter && **filter != vnid) continue;
    const auto row = [&, &vnid = vnid, &network = network](
                         const PeerId& device, std::string_view state,
                         const std::optional<Enforcement>& enforced, std::string why) {
      out.rows.push_back({vnid.text(), network.policy->revision(),
                          std::uint64_t{network.vms.size()}, device, std::string(state),
                          enforced ? Cell(enforced->stamp.revision) : Cell(),
                          enforced ? Cell(enforced->since) : Cell(), std::move(why)});
    };
    const std::vector<Receipt> receipts = core.receipts({vnid});
    for (const Receipt& r : receipts) {
      row(r.device, status_name(r.status), enforcement_on(core, r.device, vnid), detail(r.error));
    }
    if (receipts.empty()) row({}, "defined", std::nullopt, "no device has it: it has no VM");
  }
  return out;
}

Result<Output> vm_view(const ServerCore& core, const Input& in) {
  const auto filter = command::read_vnid_filter(in);
  if (!filter) return fail(filter.error());
  Output out{"VMs", {"vnid", "vm", "mac", "ip", "port", "state", "device", "delivery", "detail"}};
  for (const auto& [vnid, network] : core.desired().networks()) {
    if (*filter && **filter != vnid) continue;
    for (const PlacedVm& placed : network.vms) {
      const Vm& vm = *placed.vm;
      for (const Receipt& r : core.receipts({vnid, vm.id})) {
        out.rows.push_back({vnid.text(), vm.id, vm.mac.text(), addresses_text(vm), vm.port.str(),
                            std::string(state_name(vm.state)), r.device,
                            std::string(status_name(r.status)), detail(r.error)});
      }
    }
  }
  return out;
}

Result<Output> device_view(const ServerCore& core, const Input&) {
  Output out{"Devices", {"device", "state", "networks", "vms", "pending", "refused", "detail"}};
  for (const auto& [device, link] : core.links()) {
    std::uint64_t vms = 0;
    for (const auto& [vnid, network] : link.acknowledged()) vms += network.vms.size();
    out.rows.push_back(
        {device, std::string(link.state()), std::uint64_t{link.acknowledged().size()}, vms,
         std::uint64_t{link.pending()}, std::uint64_t{link.refused()}, detail(link.error())});
  }
  return out;
}

}  // namespace tenet::server
