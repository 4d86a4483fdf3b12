// tenet-floor-restart STATE NAMESPACE GUARDED: what no restart of a device agent could leave out:
// every row of its store is read once, and what they ask of the kernel is loaded in one
// transaction. What to load is made ready before the clock starts. The namespace must have no table
// of ours. Prints JSON.
#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "device-agent/commit/device_store.h"
#include "device-agent/core/device_core.h"
#include "device-agent/datapath/linux/kernel/nft_writer.h"
#include "device-agent/datapath/linux/program/load_chunks.h"
#include "device-agent/datapath/linux/program/program.h"

namespace {

using namespace tenet;
using namespace tenet::device;
using std::chrono::steady_clock;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "tenet-floor-restart: %s\n", what.c_str());
  std::exit(1);
}

// The messages that make the device's table, as few as carry it.
NetlinkMessages messages_of(const DatapathState& state, const std::string& guarded) {
  nft::Table table = nft::bridge_base({guarded});
  table.add(nft::LoadChunks(state, PortMap(state)).next(std::numeric_limits<std::size_t>::max()));
  NetlinkMessages out;
  nft::put_begin(out);
  nft::put(out, nft::bridge_table(), nft::AddTable{}, false);
  nft::put_part(out, nft::bridge_table(), table);
  nft::put_end(out);
  return out;
}

std::int64_t read_all(sqlite3* database, const char* sql) {
  sqlite3_stmt* rows = nullptr;
  if (sqlite3_prepare_v2(database, sql, -1, &rows, nullptr) != SQLITE_OK) die(sql);
  std::int64_t bytes = 0;
  while (sqlite3_step(rows) == SQLITE_ROW) {
    for (int i = 0; i < sqlite3_column_count(rows); ++i) {
      sqlite3_column_text(rows, i);
      bytes += sqlite3_column_bytes(rows, i);
    }
  }
  sqlite3_finalize(rows);
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) die("usage: tenet-floor-restart STATE NAMESPACE GUARDED");
  DeviceCore core{DeviceOptions{}};
  {
    auto store = DeviceStore::open(argv[1]);
    if (!store) die(store.error().text);
    const auto all = store->load();
    if (!all) die(all.error().text);
    core.load(*all);
  }
  const NetlinkMessages messages = messages_of(core.datapath_state(), argv[3]);
  auto socket = NetlinkSocket::open(NETLINK_NETFILTER, argv[2]);
  if (!socket) die(socket.error().text);

  const auto begun = steady_clock::now();
  sqlite3* database = nullptr;
  if (sqlite3_open(argv[1], &database) != SQLITE_OK) die(argv[1]);
  std::int64_t bytes = 0;
  for (const char* sql : {"SELECT * FROM server", "SELECT * FROM policy", "SELECT * FROM claim",
                          "SELECT * FROM member"}) {
    bytes += read_all(database, sql);
  }
  sqlite3_close(database);
  const auto read = steady_clock::now();
  const auto refused = socket->transact(messages);
  if (!refused) die(refused.error().text);
  if (!refused->empty())
    die("the kernel refuses: errno " + std::to_string(refused->front().number));
  const auto loaded = steady_clock::now();
  std::puts(nlohmann::json{
      {"bytes", bytes}, {"read_ns", (read - begun).count()}, {"load_ns", (loaded - read).count()}}
                .dump()
                .c_str());
  return 0;
}
