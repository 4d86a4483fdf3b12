// Servers and devices joined by a broker that delays, loses and breaks: every law is checked after
// every event, and at rest everything must have converged.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/device_side.h"
#include "tests/simulation/event.h"
#include "tests/simulation/server_side.h"

namespace tenet::simulation {

// What kind of world a seed makes.
struct Setting {
  explicit Setting(std::uint64_t seed);
  std::size_t servers;
  std::size_t devices;
  bool migrations;  // else each server has VMs of its own, and receipts are held to the letter
  bool tight;       // devices that refuse for every reason there is
  std::size_t batch_bytes;
  std::size_t batch_operations;  // so few that batches overlap
};

class World {
 public:
  // `trace`: what happens is told as text, in trace().
  World(std::uint64_t seed, bool trace);

  // Empty, or what is broken after it.
  const std::string& happen(const Event& event);
  // No more faults and commands; every message arrives, every pause ends. Empty, or what is broken,
  // or did not converge.
  const std::string& settle();

  const Setting& setting() const { return setting_; }
  const std::vector<std::string>& trace() const { return trace_; }
  // How often things happened that are faults, by name.
  const std::map<std::string, std::size_t>& faults() const { return faults_; }

 private:
  // Which request of which process of the server.
  using Ticket = std::pair<std::uint64_t, std::uint64_t>;
  struct Line {
    bool up = false;
    std::deque<std::pair<Ticket, Request>> requests;
    std::deque<std::pair<Ticket, Result<Answer>>> answers;
    std::set<Ticket> unanswered;
    // Law 4: the policies that the device told to have, with an answer that arrived.
    std::map<Vnid, PolicyStamp> told;
    std::size_t sent = 0;  // requests
    Ticket opened{};       // of the last hello
  };

  Line& line(std::size_t server, std::size_t device) { return lines_[{server, device}]; }
  void note(const std::string& what) {
    if (tracing_) trace_.push_back(what);
  }
  void fault(const std::string& name, const std::string& detail);
  void dispatch(const Event& event);

  void start_server(std::size_t s, std::uint64_t minimum_epoch = 0);
  void start_device(std::size_t d);
  void crash_server(std::size_t s, bool keep_sent);
  void crash_device(std::size_t d);
  void server_went(std::size_t s);
  void connect(std::size_t s, std::size_t d);
  void disconnect(std::size_t s, std::size_t d, bool late);
  void restart_broker();

  // world_traffic.cpp
  void round(std::size_t d, testing::Random& random, bool faults);
  void take_request(std::size_t s, std::size_t d, bool again, std::vector<std::size_t>& from,
                    std::vector<Ticket>& tickets, std::vector<device::ServerRequest>& requests);
  void deliver_answer(std::size_t s, std::size_t d);
  void time_out(std::size_t s, std::size_t d);
  void answer_peer(std::size_t s);
  void perform(std::size_t s, std::optional<std::size_t> crash_after = std::nullopt);
  void send(std::size_t s, const server::Send& send);
  void check_not_on_its_way(const Line& line, const Ticket& ticket, const Batch& batch);
  void check_sent_once(Line& line, const std::string& where, const Batch& batch);
  void learn(std::size_t s, std::size_t d, const Request& request, const Answer& answer);
  void check_receipts(std::size_t s, const server::CommandResult& result);
  void command(std::size_t s, testing::Random& random);

  // world_settle.cpp
  void heal();
  bool drain(std::size_t most);
  void check_converged(std::size_t s, std::size_t d);
  std::string difference(std::size_t s, std::size_t d);
  std::string unjust_refusal(std::size_t s, std::size_t d);
  void check_cost_of_reconnecting();

  Setting setting_;
  bool tracing_;
  Verdict verdict_;
  std::deque<ServerSide> servers_;  // they stay where they are
  std::deque<DeviceSide> devices_;
  std::map<std::pair<std::size_t, std::size_t>, Line> lines_;
  std::map<Ticket, Request> asked_;  // by the server's incarnation and token; ends with the answer
  std::vector<std::string> trace_;
  std::map<std::string, std::size_t> faults_;
};

server::Command random_command(testing::Random& random, const Setting& setting,
                               const ServerSide& side, const std::vector<server::DeviceName>& all);
std::string text(const server::Command& command);

}  // namespace tenet::simulation
