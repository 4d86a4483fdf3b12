// tenet-bare: an IQ echo between two clients of plain gloox, as a process each.
#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/bare/bare_client.h"

namespace {

using std::chrono::steady_clock;
using tenet::bench::Account;
using tenet::bench::BareClient;

std::string numbered(std::string text, std::size_t number) {
  const auto place = text.find("{}");
  return place == std::string::npos ? text : text.replace(place, 2, std::to_string(number));
}

// Between two attempts of a client, as an agent's first ones.
void pause_a_little() {
  thread_local std::minstd_rand random(std::random_device{}());
  std::this_thread::sleep_for(
      std::chrono::milliseconds(std::uniform_int_distribution(500, 1000)(random)));
}

// gloox blocks, so each has a thread. Prints when each had its answer, in seconds since 1970, and
// how many attempts failed before.
int all_at_once(const Account& account, std::size_t count, const std::string& peer) {
  constexpr int kAttempts = 200;
  std::vector<double> answered(count);
  std::atomic<std::size_t> again = 0;
  std::atomic<std::size_t> failed = 0;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      Account own = account;
      own.jid = numbered(own.jid, i);
      own.password = numbered(own.password, i);
      for (int attempt = 0; attempt < kAttempts; ++attempt) {
        BareClient client(own);
        if (client.connect() && client.ask(peer, 1, 1, 1).size() == 1) {
          const auto now = std::chrono::system_clock::now().time_since_epoch();
          answered[i] = std::chrono::duration<double>(now).count();
          return;
        }
        ++again;
        pause_a_little();
      }
      ++failed;
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::puts(nlohmann::json{{"answered", answered}, {"again", again.load()}}.dump().c_str());
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"An echo over XMPP with plain gloox."};
  Account account;
  std::string peer;
  std::size_t count = 1000;
  std::size_t window = 1;
  std::size_t vms = 1;
  std::size_t storm = 0;
  app.add_option("--jid", account.jid, "JID with a resource")->required();
  app.add_option("--password", account.password, "password")->required();
  app.add_option("--host", account.host, "address of the broker")->required();
  app.add_option("--port", account.port, "port for STARTTLS")->required();
  app.add_option("--ask", peer, "whom to ask; without it, answer until killed");
  app.add_option("--count", count, "requests");
  app.add_option("--window", window, "requests that are open at a time");
  app.add_option("--vms", vms, "VMs in each request");
  app.add_option("--storm", storm,
                 "so many clients log in at once and ask once; `{}` in JID and password is the "
                 "number of each, from 0");
  CLI11_PARSE(app, argc, argv);
  if (storm > 0) return all_at_once(account, storm, peer);

  if (peer.empty()) {
    // Also one who begins before the broker does.
    for (;;) {
      BareClient client(account);
      if (client.connect()) {
        std::puts("online");
        std::fflush(stdout);
        client.answer_all();
        return 0;
      }
      pause_a_little();
    }
  }
  BareClient client(account);
  if (!client.connect()) {
    std::fprintf(stderr, "tenet-bare: %s cannot log in\n", account.jid.c_str());
    return 1;
  }
  const auto begun = steady_clock::now();
  const auto took = client.ask(peer, count, window, vms);
  const std::chrono::duration<double> all = steady_clock::now() - begun;
  std::puts(nlohmann::json{{"seconds", all.count()}, {"each_ns", took}}.dump().c_str());
  return took.size() == count ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "tenet-bare: %s\n", error.what());
  return 1;
}
