// World: what travels, and what an answer has to be true about.
#include <algorithm>
#include <utility>

#include "tests/simulation/world.h"

namespace tenet::simulation {

using namespace tenet::server;
using testing::Random;

namespace {

std::string text(const Request& request) {
  if (const auto* hello = std::get_if<Hello>(&request)) {
    return "hello " + tenet::text(hello->sequence);
  }
  if (std::holds_alternative<Compare>(request)) return "compare";
  const auto* batch = std::get_if<Batch>(&request);
  if (batch == nullptr) return "synced";
  std::string out = "batch " + tenet::text(batch->sequence);
  for (const Operation& operation : batch->operations) out += "; " + tenet::text(operation);
  return out;
}

std::string text(const Result<Answer>& answer) {
  if (!answer) return std::string(code_name(answer.error().code));
  const auto* batch = std::get_if<BatchAnswer>(&*answer);
  if (batch == nullptr) return "answered";
  std::string out;
  for (const OperationResult& result : batch->results) {
    out += (out.empty() ? "" : ", ") +
           (result ? std::string(code_name(result->code)) : std::string("done"));
  }
  return out;
}

}  // namespace

void World::take_request(std::size_t s, std::size_t d, bool again, std::vector<std::size_t>& from,
                         std::vector<Ticket>& tickets,
                         std::vector<device::ServerRequest>& requests) {
  Line& l = line(s, d);
  if (l.requests.empty()) return;
  const auto [ticket, request] = l.requests.front();
  l.requests.pop_front();
  if (again) {
    fault("duplicate", "");
    l.requests.emplace_back(Ticket{}, request);
  }
  from.push_back(s);
  tickets.push_back(ticket);
  requests.push_back({servers_[s].name(), request});
}

// One of some servers or of one, all in one commit; also without any, since reservations end.
void World::round(std::size_t d, Random& random, bool faults) {
  std::vector<std::size_t> from;
  std::vector<Ticket> tickets;
  std::vector<device::ServerRequest> requests;
  for (std::size_t s = 0; s < servers_.size(); ++s) {
    if (!faults || random.chance(70)) {
      take_request(s, d, faults && random.chance(3), from, tickets, requests);
    }
  }
  std::optional<std::size_t> crash_after;
  if (faults && random.chance(4)) crash_after = random.below(8);
  const bool greeted = std::any_of(requests.begin(), requests.end(), [](const auto& r) {
    return std::holds_alternative<Hello>(r.request);
  });
  if (greeted) devices_[d].repair();
  const auto answers = devices_[d].round(requests, crash_after);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    note(servers_[from[i]].name().text() + " -> " + devices_[d].name().text() + " " +
         text(requests[i].request) + ": " + (answers[i] ? text(*answers[i]) : "crash"));
    Line& l = line(from[i], d);
    if (answers[i] && l.up && tickets[i] != Ticket{})
      l.answers.emplace_back(tickets[i], *answers[i]);
  }
  if (!devices_[d].running()) crash_device(d);
}

void World::deliver_answer(std::size_t s, std::size_t d) {
  Line& l = line(s, d);
  if (l.answers.empty()) return;
  const auto ticket = l.answers.front().first;
  const Result<Answer> answer = std::move(l.answers.front().second);
  l.answers.pop_front();
  // The session drops what it does not wait for any more.
  if (l.unanswered.erase(ticket) == 0) return;
  const Request request = asked_.at(ticket);
  asked_.erase(ticket);
  if (answer) learn(s, d, request, *answer);
  servers_[s].core().device_answer(devices_[d].name(), ticket.second, answer, testing::kStart);
}

void World::time_out(std::size_t s, std::size_t d) {
  Line& l = line(s, d);
  if (l.unanswered.empty()) return;
  const Ticket ticket = *l.unanswered.begin();
  l.unanswered.erase(ticket);
  asked_.erase(ticket);
  fault("time-out", servers_[s].name().text() + " of " + devices_[d].name().text());
  servers_[s].core().device_answer(devices_[d].name(), ticket.second,
                                   fail(Code::timeout, "no answer"), testing::kStart);
}

void World::answer_peer(std::size_t s) {
  const auto query = servers_[s].take_query();
  if (!query) return;
  Result<NetworkAnswer> answer = fail(Code::unreachable, "no such server");
  for (const ServerSide& peer : servers_) {
    if (peer.running() && peer.name() == query->server) answer = peer.core().network(query->query);
  }
  servers_[s].core().peer_answer(query->command, answer);
}

void World::command(std::size_t s, Random& random) {
  std::vector<DeviceName> names;
  for (const DeviceSide& device : devices_) names.push_back(device.name());
  Command next = random_command(random, setting_, servers_[s], names);
  note(servers_[s].name().text() + ": " + text(next));
  servers_[s].command(std::move(next));
}

void World::perform(std::size_t s, std::optional<std::size_t> crash_after) {
  ServerSide& side = servers_[s];
  if (!side.running()) return;
  const auto sends = side.perform(crash_after);
  for (const Send& send : sends) this->send(s, send);
  if (!side.running()) {
    fault("server crash", side.name().text() + " while it writes");
    return server_went(s);
  }
  for (const CommandResult& result : side.take_results()) {
    if (!setting_.migrations) check_receipts(s, result);
  }
}

void World::send(std::size_t s, const Send& send) {
  for (std::size_t d = 0; d < devices_.size(); ++d) {
    if (devices_[d].name() != send.device) continue;
    Line& l = line(s, d);
    const Ticket ticket{servers_.size() * servers_[s].incarnation() + s, send.token};
    if (std::holds_alternative<Hello>(send.request)) l.opened = ticket;
    if (const auto* batch = std::get_if<Batch>(&send.request)) {
      check_not_on_its_way(l, ticket, *batch);
    }
    l.unanswered.insert(ticket);
    asked_.insert_or_assign(ticket, send.request);
    ++l.sent;
    if (!l.up) {
      l.answers.emplace_back(ticket, fail(Code::unreachable, "offline"));
      continue;
    }
    if (const auto* batch = std::get_if<Batch>(&send.request)) {
      check_sent_once(l, servers_[s].name().text() + " to " + send.device.text(), *batch);
    }
    l.requests.emplace_back(ticket, send.request);
  }
}

// ---- what must be true -----------------------------------------------------------------------

// Batches overlap, but not in what they are about; and nothing goes to a network beside a batch
// that may bring or end its policy.
void World::check_not_on_its_way(const Line& line, const Ticket& ticket, const Batch& batch) {
  for (const Ticket& other : line.unanswered) {
    if (other.first != ticket.first || other < line.opened) continue;
    const auto* out = std::get_if<Batch>(&asked_.at(other));
    if (out == nullptr) continue;
    for (const Operation& before : out->operations) {
      for (const Operation& next : batch.operations) {
        const auto* joins = std::get_if<Associate>(&before);
        const bool apart =
            operation_vnid(before) != operation_vnid(next) ||
            (joins != nullptr && !joins->policy && server::key_of(before) != server::key_of(next));
        if (!apart) {
          verdict_.broken("law 6: " + text(next) + " leaves beside " + text(before));
        }
      }
    }
  }
}

void World::check_sent_once(Line& line, const std::string& where, const Batch& batch) {
  for (const Operation& operation : batch.operations) {
    PolicyPtr policy;
    if (const auto* sync = std::get_if<PolicySync>(&operation)) policy = sync->policy;
    if (const auto* update = std::get_if<PolicyUpdate>(&operation)) policy = update->policy;
    if (const auto* associate = std::get_if<Associate>(&operation)) policy = associate->policy;
    if (!policy) continue;
    const auto told = line.told.find(policy->vnid());
    if (told != line.told.end() && told->second == policy->stamp()) {
      verdict_.broken("law 4: " + where + ": the policy of " + policy->vnid().text() +
                      " goes to a device that told to have it");
    }
  }
}

// What the server may know now of the policies on the device.
void World::learn(std::size_t s, std::size_t d, const Request& request, const Answer& answer) {
  auto& told = line(s, d).told;
  const auto* batch = std::get_if<Batch>(&request);
  if (batch == nullptr) {
    // Digests tell what the device lacks now; whoever reads them knows as much as the device.
    if (!std::holds_alternative<Compare>(request)) return;
    const DeviceView view = devices_[d].durable_view(servers_[s].name());
    std::erase_if(told, [&](const auto& known) {
      const auto network = view.find(known.first);
      return network == view.end() || network->second.stamp != known.second ||
             (devices_[d].running() && devices_[d].core().unenforced().contains(known.first));
    });
    return;
  }
  const auto& results = std::get<BatchAnswer>(answer).results;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Operation& operation = batch->operations[i];
    const Vnid vnid = operation_vnid(operation);
    if (results[i]) {
      if (results[i]->code == Code::unknown_vnid) told.erase(vnid);
      continue;
    }
    if (const auto* sync = std::get_if<PolicySync>(&operation)) told[vnid] = sync->policy->stamp();
    if (const auto* update = std::get_if<PolicyUpdate>(&operation)) {
      told[vnid] = update->policy->stamp();
    }
    const auto* associate = std::get_if<Associate>(&operation);
    if (associate != nullptr && associate->policy) told[vnid] = associate->policy->stamp();
    // With the last VM goes the claim; who leaves may have to send the policy again.
    if (std::holds_alternative<PolicyWithdraw>(operation) ||
        std::holds_alternative<Dissociate>(operation)) {
      told.erase(vnid);
    }
  }
}

// "enforced" is what the device has, or that it has nothing.
void World::check_receipts(std::size_t s, const CommandResult& result) {
  const ServerSide& side = servers_[s];
  for (const Receipt& receipt : result.receipts) {
    if (receipt.status != ApplyStatus::enforced || !receipt.object.starts_with("vm ")) continue;
    const auto slash = receipt.object.find('/');
    const Vnid vnid = *Vnid::parse(receipt.object.substr(3, slash - 3));
    const VmId id = receipt.object.substr(slash + 1);
    const auto device = std::find_if(devices_.begin(), devices_.end(),
                                     [&](const auto& d) { return d.name() == receipt.device; });
    const DeviceView view = device->durable_view(side.name());
    const auto network = view.find(vnid);
    const bool there = network != view.end() && network->second.vms.contains(id);
    const PlacedVm* wanted = side.core().desired().find(vnid, id);
    const bool wants = wanted != nullptr && wanted->devices.contains(receipt.device);
    if (there != wants) {
      verdict_.broken("law 1: told 'enforced' of " + receipt.object + " on " +
                      receipt.device.text() +
                      (wants ? ", which lacks it" : ", which still has it"));
    }
  }
}

}  // namespace tenet::simulation
