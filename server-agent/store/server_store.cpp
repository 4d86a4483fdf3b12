#include "server-agent/store/server_store.h"

#include <algorithm>
#include <array>
#include <optional>

#include "common/core/text.h"
#include "common/store/checked_table.h"
#include "common/store/database.h"
#include "common/store/rows.h"

namespace tenet::server {
namespace {

using store::CheckedTable;
using store::DamageError;
using store::Database;
using store::Statement;
using store::StoreError;

constexpr CheckedTable kEpoch{"epoch", "only, value"};
constexpr CheckedTable kNetwork{"network", "vnid, document, devices, announced, source"};
constexpr CheckedTable kVm{"vm",
                           "vnid, vm, mac, addresses, port, associated, reserve, devices,"
                           " migrates_from, takeover, source",
                           2};

// As the second migration made them.
constexpr CheckedTable kNetworkWithoutSource{"network", "vnid, document, devices, announced"};
constexpr CheckedTable kVmWithoutSource{"vm",
                                        "vnid, vm, mac, addresses, port, associated, reserve,"
                                        " devices, migrates_from, takeover",
                                        2};

constexpr std::string_view kFirstMigration =
    "CREATE TABLE epoch(only INTEGER PRIMARY KEY CHECK(only=1), value INTEGER NOT NULL) STRICT;"
    "INSERT INTO epoch VALUES(1, 0);"
    "CREATE TABLE network(vnid INTEGER PRIMARY KEY, document TEXT NOT NULL, devices TEXT NOT NULL,"
    " announced TEXT NOT NULL) STRICT;"
    "CREATE TABLE vm(vnid INTEGER NOT NULL REFERENCES network, vm TEXT NOT NULL, mac TEXT NOT NULL,"
    " addresses TEXT NOT NULL, port TEXT NOT NULL, associated INTEGER NOT NULL,"
    " reserve INTEGER NOT NULL, devices TEXT NOT NULL, migrates_from TEXT NOT NULL,"
    " takeover TEXT NOT NULL,"
    " PRIMARY KEY(vnid, vm)) STRICT, WITHOUT ROWID;";

std::span<const std::string_view> migrations() {
  static const std::string kChecksums = store::make_checksums() + store::add_checksums(kEpoch) +
                                        store::add_checksums(kNetworkWithoutSource) +
                                        store::add_checksums(kVmWithoutSource);
  // All that was wanted before came from operators.
  static const std::string kSources =
      store::add_column(kNetworkWithoutSource, kNetwork, "'operators'") +
      store::add_column(kVmWithoutSource, kVm, "'operators'");
  static const std::array<std::string_view, 3> kAll{kFirstMigration, kChecksums, kSources};
  return kAll;
}

Error to_error(const StoreError& error, const std::string& path) {
  return store::to_error(error, path,
                         "create its networks and VMs again; then start with --epoch above the "
                         "last one, which devices "
                         "name as they refuse a lower one");
}

// Names of peers have no newline (RFC 7622 section 3.4 forbids control characters in JIDs).
std::string devices_column(const std::set<DeviceName>& devices) {
  std::string out;
  for (const DeviceName& device : devices) out += (out.empty() ? "" : "\n") + device.text();
  return out;
}

Source read_source(const Statement& row, int column) {
  const std::string name = row.text(column);
  const auto source = source_of(name);
  if (!source) throw DamageError("a row is damaged: there is no source '" + name + "'");
  return *source;
}

}  // namespace

struct ServerStore::Impl {
  Impl(const std::string& path, PeerParser parser)
      : database(path, migrations()), parse_peer(parser) {}

  PeerId read_peer(std::string_view text) const {
    const auto peer = parse_peer(text);
    if (!peer) throw DamageError("a row is damaged: " + peer.error().text);
    return *peer;
  }

  std::set<DeviceName> read_devices(const Statement& row, int column) const {
    std::set<DeviceName> out;
    const std::string text = row.text(column);
    if (text.empty()) return out;
    for (const std::string_view line : split(text, '\n')) out.insert(read_peer(line));
    return out;
  }

  Database database;
  PeerParser parse_peer;
  Statement put_network = database.prepare(
      "INSERT INTO network " + store::checked_values(kNetwork) +
      " ON CONFLICT(vnid) DO UPDATE SET document=excluded.document, devices=excluded.devices,"
      " announced=excluded.announced, source=excluded.source, checksum=excluded.checksum");
  Statement erase_network = database.prepare("DELETE FROM network WHERE vnid=?");
  Statement put_vm = database.prepare("INSERT OR REPLACE INTO vm " + store::checked_values(kVm));
  Statement erase_vm = database.prepare("DELETE FROM vm WHERE vnid=? AND vm=?");

  void write_networks(const ServerChanges& changes, bool present) {
    for (const auto& [vnid, row] : changes.networks) {
      if (row.has_value() != present) continue;
      if (row) {
        put_network.bind(1, store::to_column(vnid)).bind(2, store::policy_column(*row->policy));
        put_network.bind(3, devices_column(row->devices)).bind(4, devices_column(row->announced));
        put_network.bind(5, source_name(row->source));
        put_network.run();
      } else {
        erase_network.bind(1, store::to_column(vnid)).run();
      }
    }
  }

  void write(const ServerChanges& changes) {
    write_networks(changes, true);
    for (const auto& [key, placed] : changes.vms) {
      Statement& statement = placed ? put_vm : erase_vm;
      statement.bind(1, store::to_column(key.vnid)).bind(2, key.vm);
      if (placed) {
        store::bind_vm(statement, 3, *placed->vm);
        const int next = 3 + store::kVmColumnCount;
        statement.bind(next, devices_column(placed->devices));
        const Takeover takeover = placed->takeover ? *placed->takeover : Takeover{};
        statement.bind(next + 1, takeover.from.text());
        statement.bind(next + 2, devices_column(takeover.devices));
        statement.bind(next + 3, source_name(placed->source));
      }
      statement.run();
    }
    write_networks(changes, false);  // after their VMs: the rows of VMs refer to them
  }

  Desired load() {
    Desired out;
    store::each_row(database, kNetwork, [&](const Statement& row) {
      out.put_network(store::vnid_column(row, 0), store::read_policy(row, 1), read_devices(row, 2),
                      {}, read_source(row, 4));
    });
    store::each_row(database, kVm, [&](const Statement& row) {
      const int next = 2 + store::kVmColumnCount;
      PlacedVm placed{.vm = store::read_vm(row, row.text(1), 2),
                      .devices = read_devices(row, next),
                      .source = read_source(row, next + 3)};
      Takeover takeover{{}, read_devices(row, next + 2)};
      if (const std::string from = row.text(next + 1); !from.empty() && !takeover.devices.empty()) {
        takeover.from = read_peer(from);
        placed.takeover = std::make_shared<const Takeover>(std::move(takeover));
      }
      const Vnid vnid = store::vnid_column(row, 0);
      if (out.find(vnid) == nullptr) {
        throw DamageError("VM " + placed.vm->id + " is in the network " + vnid.text() +
                          ", which is missing");
      }
      out.put_vm(vnid, std::move(placed));
    });
    store::each_row(database, kNetwork, [&](const Statement& row) {
      for (const DeviceName& device : read_devices(row, 3)) {
        out.announce(store::vnid_column(row, 0), device);
      }
    });
    return out;
  }
};

ServerStore::ServerStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ServerStore::ServerStore(ServerStore&&) noexcept = default;
ServerStore& ServerStore::operator=(ServerStore&&) noexcept = default;
ServerStore::~ServerStore() = default;

Result<ServerStore> ServerStore::open(const std::string& path, PeerParser parse_peer) {
  try {
    return ServerStore(std::make_unique<Impl>(path, parse_peer));
  } catch (const StoreError& error) {
    return fail(to_error(error, path));
  }
}

Result<std::uint64_t> ServerStore::next_epoch(std::uint64_t minimum) {
  try {
    store::Transaction transaction(impl_->database);
    std::optional<std::uint64_t> last;
    store::each_row(impl_->database, kEpoch,
                    [&](const Statement& row) { last = store::from_column(row.integer(1)); });
    // Somebody took the row out by hand, since the checksums agree.
    if (!last) throw DamageError("the row of the epoch is missing");
    const std::uint64_t epoch = std::max(*last + 1, minimum);
    impl_->database
        .prepare("UPDATE epoch SET value=?1, checksum=" + store::checksum_sql(kEpoch, "only, ?1"))
        .bind(1, store::to_column(epoch))
        .run();
    transaction.commit();
    // A WAL that is damaged ends at the damage. The epoch must not end with it.
    impl_->database.checkpoint();
    return epoch;
  } catch (const StoreError& error) {
    return fail(to_error(error, impl_->database.path()));
  }
}

Result<Desired> ServerStore::load() {
  try {
    return impl_->load();
  } catch (const StoreError& error) {
    return fail(to_error(error, impl_->database.path()));
  }
}

Result<void> ServerStore::write(const ServerChanges& changes) {
  try {
    store::Transaction transaction(impl_->database);
    impl_->write(changes);
    transaction.commit();
    return {};
  } catch (const StoreError& error) {
    return fail(to_error(error, impl_->database.path()));
  }
}

}  // namespace tenet::server
