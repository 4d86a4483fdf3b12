// tenet-floor FOLDER NAMESPACE COUNT BATCH: what no implementation could leave out beside the wire:
// durable commits of rows on either side, and elements of an nftables map by raw netlink, so many
// at a time. Before the clock starts it does the same until both write-ahead logs have their full
// length. The map is `floor` in the table `bridge floor` of the network namespace. Prints JSON.
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <sched.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace {

using std::chrono::steady_clock;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

class Store {
 public:
  explicit Store(const std::string& path) {
    if (sqlite3_open(path.c_str(), &database_) != SQLITE_OK) die(path.c_str());
    run("PRAGMA journal_mode=WAL");
    run("PRAGMA synchronous=FULL");
    run("CREATE TABLE vm(id INTEGER PRIMARY KEY, mac TEXT) STRICT");
    if (sqlite3_prepare_v2(database_, "INSERT INTO vm VALUES(?1, ?2)", -1, &insert_, nullptr) !=
        SQLITE_OK) {
      die("prepare");
    }
  }
  ~Store() {
    sqlite3_finalize(insert_);
    sqlite3_close(database_);
  }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // The rows of those many VMs.
  void commit(int first, int count) {
    if (count > 1) run("BEGIN");
    for (int id = first; id < first + count; ++id) {
      sqlite3_bind_int(insert_, 1, id);
      sqlite3_bind_text(insert_, 2, "02:00:00:00:00:01", -1, SQLITE_STATIC);
      if (sqlite3_step(insert_) != SQLITE_DONE) die("insert");
      sqlite3_reset(insert_);
    }
    if (count > 1) run("COMMIT");
  }

 private:
  void run(const char* sql) {
    if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) die(sql);
  }
  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

class Map {
 public:
  Map() : socket_(mnl_socket_open(NETLINK_NETFILTER)) {
    if (socket_ == nullptr || mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) < 0) die("netlink");
  }
  ~Map() { mnl_socket_close(socket_); }
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;

  // The elements of those many VMs, in one transaction.
  void add(int first, int count) {
    mnl_nlmsg_batch* batch = mnl_nlmsg_batch_start(buffer_.data(), buffer_.size());
    nftnl_batch_begin(static_cast<char*>(mnl_nlmsg_batch_current(batch)), 1);
    mnl_nlmsg_batch_next(batch);
    for (int id = first; id < first + count; id += kInMessage) {
      const int last = std::min(id + kInMessage, first + count);
      add_message(batch, id, last, last == first + count);
    }
    nftnl_batch_end(static_cast<char*>(mnl_nlmsg_batch_current(batch)), 3);
    mnl_nlmsg_batch_next(batch);
    if (mnl_socket_sendto(socket_, mnl_nlmsg_batch_head(batch), mnl_nlmsg_batch_size(batch)) < 0) {
      die("send");
    }
    mnl_nlmsg_batch_stop(batch);
    std::array<char, 8192> answer{};
    const auto size = mnl_socket_recvfrom(socket_, answer.data(), answer.size());
    if (size < 0 || mnl_cb_run(answer.data(), static_cast<std::size_t>(size), 0,
                               mnl_socket_get_portid(socket_), nullptr, nullptr) < 0) {
      die("the kernel refuses the elements");
    }
  }

 private:
  static constexpr int kInMessage = 256;

  static void add_message(mnl_nlmsg_batch* batch, int first, int end, bool last) {
    nlmsghdr* header = nftnl_nlmsg_build_hdr(
        static_cast<char*>(mnl_nlmsg_batch_current(batch)), NFT_MSG_NEWSETELEM, NFPROTO_BRIDGE,
        static_cast<std::uint16_t>(NLM_F_CREATE | (last ? NLM_F_ACK : 0)), 2);
    nftnl_set* set = nftnl_set_alloc();
    nftnl_set_set_str(set, NFTNL_SET_TABLE, "floor");
    nftnl_set_set_str(set, NFTNL_SET_NAME, "floor");
    for (int id = first; id < end; ++id) {
      nftnl_set_elem* element = nftnl_set_elem_alloc();
      const std::array<std::uint8_t, 6> mac{2,
                                            0,
                                            static_cast<std::uint8_t>(id >> 24),
                                            static_cast<std::uint8_t>(id >> 16),
                                            static_cast<std::uint8_t>(id >> 8),
                                            static_cast<std::uint8_t>(id)};
      nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, mac.data(), mac.size());
      const std::uint32_t network = 1;
      nftnl_set_elem_set(element, NFTNL_SET_ELEM_DATA, &network, sizeof network);
      nftnl_set_elem_add(set, element);
    }
    nftnl_set_elems_nlmsg_build_payload(header, set);
    nftnl_set_free(set);
    mnl_nlmsg_batch_next(batch);
  }

  mnl_socket* socket_;
  std::vector<char> buffer_ = std::vector<char>(1 << 20);
};

void enter(const std::string& name) {
  const int space = open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC);
  if (space < 0 || setns(space, CLONE_NEWNET) != 0) die(name.c_str());
  close(space);
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc == 5 ? std::atoi(argv[3]) : 0;
  const int batch = argc == 5 ? std::atoi(argv[4]) : 0;
  if (count < 1 || batch < 1 || batch > 5'000) {
    std::fputs("usage: tenet-floor FOLDER NAMESPACE COUNT BATCH\n", stderr);
    return 2;
  }
  const std::string folder = argv[1];
  enter(argv[2]);
  Store server(folder + "/server.db");
  Store device(folder + "/device.db");
  Map map;
  std::vector<std::int64_t> server_commits;
  std::vector<std::int64_t> device_commits;
  std::vector<std::int64_t> elements;
  // SQLite writes its log from the front again after a thousand pages.
  for (int id = count + 1; id <= count + std::max(1'200, 10 * batch); id += batch) {
    server.commit(id, batch);
    device.commit(id, batch);
    map.add(id, batch);
  }
  for (int id = 1; id <= count; id += batch) {
    const int some = std::min(batch, count + 1 - id);
    const auto begun = steady_clock::now();
    server.commit(id, some);
    const auto here = steady_clock::now();
    device.commit(id, some);
    const auto there = steady_clock::now();
    map.add(id, some);
    server_commits.push_back((here - begun).count());
    device_commits.push_back((there - here).count());
    elements.push_back((steady_clock::now() - there).count());
  }
  std::puts(nlohmann::json{{"server_commits_ns", server_commits},
                           {"device_commits_ns", device_commits},
                           {"elements_ns", elements}}
                .dump()
                .c_str());
  return 0;
}
