// tenet-bench-server CONFIG STEP...: a server agent that decides by itself what operators would ask
// for, and says how long each decision took until it was acknowledged everywhere. A step is
//   network:VNIDS        as many networks with 50 rules
//   small:VNIDS          as many networks with 4 rules
//   plugged:VNIDS        as many networks with 50 rules; VM number N is at port vmN
//   segment:VNIDS        the same with a segment each, whose bridge the ports join
//   one:COUNT            VMs, one after the other
//   bulk:COUNT           VMs, all at once, spread over the networks
//   policy:COUNT         new revisions of the first network's policy, one after the other
// Each step prints a line of JSON, also with the memory that this process then holds.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/core/text.h"
#include "common/observe/log.h"
#include "common/protocol/codec.h"
#include "common/runtime/daemon.h"
#include "server-agent/server_agent.h"
#include "server-agent/server_config.h"
#include "tests/load/enforced.h"

namespace tenet::bench {
namespace {

using std::chrono::steady_clock;

std::string document(std::uint32_t vnid, unsigned revision, int rules = 50,
                     const std::string& segment = "") {
  std::string out = "<policy xmlns='urn:tenet:policy:1' vnid='" + std::to_string(vnid) +
                    "' revision='" + std::to_string(revision) + "'>" + segment +
                    "<acl default='deny'>";
  for (int i = 1; i <= rules; ++i) {
    out += "<rule id='" + std::to_string(i) +
           "' action='permit' direction='to-vm' protocol='tcp' source='10." + std::to_string(i) +
           ".0.0/16' destination-port='" + std::to_string(1000 + i + revision) + "'/>";
  }
  return out + "</acl></policy>";
}

Mac mac_of(std::uint32_t number) {
  char text[18];
  std::snprintf(text, sizeof text, "02:00:%02x:%02x:%02x:%02x", number >> 24 & 255,
                number >> 16 & 255, number >> 8 & 255, number & 255);
  return *Mac::parse(text);
}

class Bench {
 public:
  Bench(runtime::Daemon& daemon, server::ServerAgent& agent, std::vector<std::string> steps)
      : daemon_(daemon), agent_(agent), steps_(std::move(steps)), clock_(daemon.io()) {}

  void start() { await_devices(); }

 private:
  static constexpr std::uint32_t kFirst = 1000;  // VNID

  // Until every device is in sync: the benchmark begins with a settled conversation.
  void await_devices() {
    agent_.command(server::Resync{}, "bench", [this](const server::CommandResult& result) {
      const bool settled = load::enforced(result) && !result.receipts.empty();
      clock_.expires_after(std::chrono::milliseconds(settled ? 0 : 100));
      clock_.async_wait([this, settled](const std::error_code&) {
        if (settled) {
          next_step();
        } else {
          await_devices();
        }
      });
    });
  }

  void next_step() {
    if (step_ == steps_.size()) return daemon_.end(0);
    const auto words = split(steps_[step_++], ':');
    const auto count = parse_unsigned(words.back(), 10'000'000);
    if (words.size() != 2 || !count) return fail_waiting("a step is NAME:COUNT");
    left_ = *count;
    took_.clear();
    begun_ = steady_clock::now();
    if (words[0] == "network" || words[0] == "small" || words[0] == "plugged" ||
        words[0] == "segment") {
      networks_ = static_cast<std::uint32_t>(*count);
      const bool with_segment = words[0] == "segment";
      at_ports_ = with_segment || words[0] == "plugged";
      const int rules = words[0] == "small" ? 4 : 50;
      for (std::uint32_t i = 0; i < networks_; ++i) {
        const std::string segment =
            with_segment ? "<virtual-network multicast='239.1.16." + std::to_string(i) + "'/>" : "";
        send(server::CreateNetwork{parse(document(kFirst + i, 1, rules, segment))});
      }
    } else if (words[0] == "bulk") {
      for (std::uint64_t i = 0; i < *count; ++i) send(create_vm());
    } else if (words[0] == "one") {
      again_ = [this] { send(create_vm()); };
      again_();
    } else if (words[0] == "policy") {
      again_ = [this] { send(server::ChangePolicy{parse(document(kFirst, ++revision_))}); };
      again_();
    } else {
      fail_waiting("no such step");
    }
  }

  static PolicyPtr parse(const std::string& text) {
    auto policy = protocol::parse_policy(text);
    return policy ? *policy : nullptr;
  }
  server::Command create_vm() {
    const std::uint32_t number = vms_++;
    // As long as the names that OpenStack gives to libvirt's domains.
    char name[18];
    std::snprintf(name, sizeof name, "instance-%08x", number);
    Vm vm{name, mac_of(number)};
    vm.addresses = {*IpAddress::parse("10." + std::to_string(number >> 16 & 255) + "." +
                                      std::to_string(number >> 8 & 255) + "." +
                                      std::to_string(number & 255))};
    if (at_ports_) vm.port = "vm" + std::to_string(number);
    return server::CreateVm{Vnid(kFirst + number % networks_), std::move(vm)};
  }

  void send(server::Command command) {
    agent_.command(std::move(command), "bench",
                   [this, sent = steady_clock::now()](const server::CommandResult& result) {
                     if (!load::enforced(result)) return fail_waiting("not enforced");
                     took_.push_back((steady_clock::now() - sent).count());
                     if (--left_ == 0) {
                       report();
                     } else if (again_) {
                       // Not from within: the acknowledgement is still being worked on.
                       asio::post(daemon_.io(), again_);
                     }
                   });
  }

  void report() {
    const std::chrono::duration<double> all = steady_clock::now() - begun_;
    again_ = nullptr;
    std::puts(nlohmann::json{{"step", steps_[step_ - 1]},
                             {"seconds", all.count()},
                             {"each_ns", took_},
                             {"resident_bytes", resident()}}
                  .dump()
                  .c_str());
    std::fflush(stdout);
    asio::post(daemon_.io(), [this] { next_step(); });
  }

  // Pages that this process holds, proc(5).
  static std::uint64_t resident() {
    std::uint64_t size = 0;
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> size >> pages;
    return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }

  void fail_waiting(const std::string& why) {
    std::fprintf(stderr, "tenet-bench-server: %s: %s\n", steps_[step_ - 1].c_str(), why.c_str());
    daemon_.end(1);
  }

  runtime::Daemon& daemon_;
  server::ServerAgent& agent_;
  std::vector<std::string> steps_;
  asio::steady_timer clock_;
  std::size_t step_ = 0;
  std::uint32_t networks_ = 1;
  bool at_ports_ = false;
  std::uint32_t vms_ = 0;
  unsigned revision_ = 1;
  std::uint64_t left_ = 0;
  std::vector<std::int64_t> took_;
  steady_clock::time_point begun_;
  std::function<void()> again_;
};

Result<int> run(const std::string& path, std::vector<std::string> steps) {
  auto config = server::load_server_config(path);
  if (!config) return fail(config.error());
  runtime::Daemon daemon;
  if (auto configured = log::configure(config->log); !configured) return fail(configured.error());
  config->command_timeout = std::chrono::minutes(10);
  auto agent = server::ServerAgent::open(daemon, *std::move(config), path);
  if (!agent) return fail(agent.error());
  (*agent)->start();
  Bench bench(daemon, **agent, std::move(steps));
  bench.start();
  return daemon.run();
}

}  // namespace
}  // namespace tenet::bench

int main(int argc, char** argv) try {
  CLI::App app{"A server agent that measures itself."};
  std::string path;
  std::vector<std::string> steps;
  app.add_option("config", path, "configuration of a server agent")->required();
  app.add_option("steps", steps,
                 "network:N, small:N, plugged:N, segment:N, one:N, bulk:N, policy:N")
      ->required();
  CLI11_PARSE(app, argc, argv);
  const auto code = tenet::bench::run(path, std::move(steps));
  if (code) return *code;
  std::fprintf(stderr, "tenet-bench-server: %s\n", code.error().text.c_str());
  return 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "tenet-bench-server: %s\n", error.what());
  return 1;
}
