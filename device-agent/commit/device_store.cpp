#include "device-agent/commit/device_store.h"

#include <array>
#include <optional>
#include <set>

#include "common/store/checked_table.h"
#include "common/store/database.h"
#include "common/store/rows.h"

namespace tenet::device {
namespace {

using store::CheckedTable;
using store::DamageError;
using store::Database;
using store::Statement;
using store::StoreError;

constexpr CheckedTable kServer{"server", "name, epoch, seq, heard"};
constexpr CheckedTable kPolicy{"policy", "vnid, document"};
constexpr CheckedTable kClaim{"claim", "server, vnid", 2};
constexpr CheckedTable kMember{"member",
                               "server, vnid, vm, mac, addresses, port, associated, reserve", 3};

// What VMs were leased, as the datapath saw it.
constexpr CheckedTable kLease{"lease", "mac, address", 2};

constexpr std::array<std::string_view, 2> kFirstMigrations{
    "CREATE TABLE server(name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE policy(vnid INTEGER PRIMARY KEY, document TEXT NOT NULL) STRICT;"
    "CREATE TABLE claim(server TEXT NOT NULL, vnid INTEGER NOT NULL, PRIMARY KEY(server, vnid))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE member(server TEXT NOT NULL, vnid INTEGER NOT NULL, vm TEXT NOT NULL,"
    " mac TEXT NOT NULL, addresses TEXT NOT NULL, port TEXT NOT NULL, associated INTEGER NOT NULL,"
    " reserve INTEGER NOT NULL, PRIMARY KEY(server, vnid, vm)) STRICT, WITHOUT ROWID;",
    // When a server last showed life. Those that are known already do now: an upgrade of the
    // program ends no reservation.
    "ALTER TABLE server ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;"
    "UPDATE server SET heard=unixepoch()"};

std::span<const std::string_view> migrations() {
  static const std::string kChecksums =
      store::make_checksums() + store::add_checksums(kServer) + store::add_checksums(kPolicy) +
      store::add_checksums(kClaim) + store::add_checksums(kMember);
  static const std::string kLeases =
      "CREATE TABLE lease(mac TEXT NOT NULL, address TEXT NOT NULL, PRIMARY KEY(mac, address))"
      " STRICT, WITHOUT ROWID;" +
      store::add_checksums(kLease);
  static const std::array<std::string_view, 4> kAll{kFirstMigrations[0], kFirstMigrations[1],
                                                    kChecksums, kLeases};
  return kAll;
}

Error to_error(const StoreError& error, const std::string& path) {
  return store::to_error(error, path, "start without: the servers send everything again");
}

// The end of the year 9999. A time beyond it was not written by us, and sums would overflow.
constexpr std::int64_t kLatest = 253'402'300'799;

WallTime read_time(std::int64_t seconds, const ServerName& server) {
  if (seconds < 0 || seconds > kLatest) {
    throw DamageError("the row of server " + server.text() + " is damaged: there is no time " +
                      std::to_string(seconds));
  }
  return WallTime(std::chrono::seconds(seconds));
}

}  // namespace

struct DeviceStore::Impl {
  explicit Impl(const std::string& path) : database(path, migrations()) {}

  Statement put(const CheckedTable& table) const {
    return database.prepare("INSERT OR REPLACE INTO " + std::string(table.name) + " " +
                            store::checked_values(table));
  }

  Database database;
  std::optional<store::Transaction> transaction;
  Statement put_server = put(kServer);
  Statement put_policy = put(kPolicy);
  Statement erase_policy = database.prepare("DELETE FROM policy WHERE vnid=?");
  Statement put_claim = put(kClaim);
  Statement erase_claim = database.prepare("DELETE FROM claim WHERE server=? AND vnid=?");
  Statement put_member = put(kMember);
  Statement erase_member =
      database.prepare("DELETE FROM member WHERE server=? AND vnid=? AND vm=?");
  Statement put_lease = put(kLease);
  Statement erase_lease = database.prepare("DELETE FROM lease WHERE mac=? AND address=?");
  Statement erase_leases = database.prepare(
      "DELETE FROM lease WHERE mac="
      "(SELECT mac FROM member WHERE server=? AND vnid=? AND vm=? AND associated)");
  bool has_leases = true;  // may be; most devices have none, and then a change skips the query

  void write(const DeviceChanges& changes) {
    for (const auto& [name, contact] : changes.servers) {
      put_server.bind(1, name.text()).bind(2, store::to_column(contact.last.epoch));
      put_server.bind(3, store::to_column(contact.last.seq));
      put_server.bind(4, std::int64_t{contact.last_seen.time_since_epoch().count()}).run();
    }
    for (const auto& [vnid, policy] : changes.policies) {
      if (policy) {
        put_policy.bind(1, store::to_column(vnid)).bind(2, store::policy_column(*policy)).run();
      } else {
        erase_policy.bind(1, store::to_column(vnid)).run();
      }
    }
    for (const auto& [claim, present] : changes.claims) {
      Statement& statement = present ? put_claim : erase_claim;
      statement.bind(1, claim.server.text()).bind(2, store::to_column(claim.vnid)).run();
    }
    for (const auto& [member, vm] : changes.members) {
      if (has_leases) {
        // The next VM with that MAC does not inherit them. One that stays has them in the datapath.
        erase_leases.bind(1, member.server.text()).bind(2, store::to_column(member.key.vnid));
        erase_leases.bind(3, member.key.vm).run();
      }
      Statement& statement = vm ? put_member : erase_member;
      statement.bind(1, member.server.text()).bind(2, store::to_column(member.key.vnid));
      statement.bind(3, member.key.vm);
      if (vm) store::bind_vm(statement, 4, *vm);
      statement.run();
    }
  }

  void write_leases(const std::set<Lease>& leases) {
    const std::set<Lease> known = load_leases();
    if (known == leases) return;
    store::Transaction all(database);
    for (const Lease& lease : known) {
      if (!leases.contains(lease)) run(erase_lease, lease);
    }
    for (const Lease& lease : leases) {
      if (!known.contains(lease)) run(put_lease, lease);
    }
    all.commit();
    has_leases = !leases.empty();
  }

  static void run(Statement& statement, const Lease& lease) {
    statement.bind(1, lease.mac.text()).bind(2, lease.address.text()).run();
  }

  std::set<Lease> load_leases() {
    std::set<Lease> out;
    store::each_row(database, kLease, [&](const Statement& row) {
      const auto mac = Mac::parse(row.text(0));
      const auto address = IpAddress::parse(row.text(1));
      if (!mac || !address || address->family() != Family::ipv4)
        throw DamageError("a lease of " + row.text(0) + " is damaged");
      out.insert({*mac, *address});
    });
    has_leases = !out.empty();
    return out;
  }

  DeviceChanges load() {
    DeviceChanges out;
    store::each_row(database, kServer, [&](const Statement& row) {
      const ServerName name(row.text(0));
      out.servers[name] = {{store::from_column(row.integer(1)), store::from_column(row.integer(2))},
                           read_time(row.integer(3), name)};
    });
    store::each_row(database, kPolicy, [&](const Statement& row) {
      out.policies[store::vnid_column(row, 0)] = store::read_policy(row, 1);
    });
    store::each_row(database, kClaim, [&](const Statement& row) {
      out.claims[{ServerName(row.text(0)), store::vnid_column(row, 1)}] = true;
    });
    store::each_row(database, kMember, [&](const Statement& row) {
      const MemberKey key{store::vnid_column(row, 1), row.text(2)};
      VmPtr vm = store::read_vm(row, key.vm, 3);
      // Rows come in the order of the map.
      out.members.insert_or_assign(out.members.end(), {ServerName(row.text(0)), key},
                                   std::move(vm));
    });
    check(out);
    return out;
  }

  // Rows that need each other. A store that lacks one is damaged, and serving it would be a lie.
  static void check(const DeviceChanges& all) {
    std::set<Vnid> claimed;
    for (const auto& [claim, present] : all.claims) claimed.insert(claim.vnid);
    for (const auto& [vnid, policy] : all.policies) {
      if (policy->vnid() != vnid || !claimed.contains(vnid)) {
        throw DamageError("the policy of VNID " + vnid.text() +
                          " is of another VNID, or has no claim");
      }
    }
    for (const auto& [claim, present] : all.claims) {
      if (!all.policies.contains(claim.vnid) || !all.servers.contains(claim.server)) {
        throw DamageError("server " + claim.server.text() + " claims VNID " + claim.vnid.text() +
                          ", of which the policy or the server is missing");
      }
    }
    std::optional<DeviceChanges::Claim>
        known;  // that of the VM before, which most often is that of this one
    for (const auto& [member, vm] : all.members) {
      if (known && member.server == known->server && member.key.vnid == known->vnid) continue;
      known = {member.server, member.key.vnid};
      if (!all.claims.contains(*known)) {
        throw DamageError("VM " + text(member.key) + " has no claim of server " +
                          member.server.text());
      }
    }
  }
};

DeviceStore::DeviceStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DeviceStore::DeviceStore(DeviceStore&&) noexcept = default;
DeviceStore& DeviceStore::operator=(DeviceStore&&) noexcept = default;
DeviceStore::~DeviceStore() = default;

Result<DeviceStore> DeviceStore::open(const std::string& path) {
  try {
    return DeviceStore(std::make_unique<Impl>(path));
  } catch (const StoreError& error) {
    return fail(to_error(error, path));
  }
}

Result<DeviceChanges> DeviceStore::load() {
  try {
    return impl_->load();
  } catch (const StoreError& error) {
    return fail(to_error(error, impl_->database.path()));
  }
}

Result<std::set<Lease>> DeviceStore::leases() {
  try {
    return impl_->load_leases();
  } catch (const StoreError& error) {
    return fail(to_error(error, impl_->database.path()));
  }
}

Result<void> DeviceStore::persist_leases(const std::set<Lease>& leases) {
  try {
    impl_->write_leases(leases);
    return {};
  } catch (const StoreError& error) {
    return fail(to_error(error, impl_->database.path()));
  }
}

Result<void> DeviceStore::write(const DeviceChanges& changes) {
  try {
    impl_->transaction.emplace(impl_->database);
    impl_->write(changes);
    return {};
  } catch (const StoreError& error) {
    impl_->transaction.reset();
    return fail(to_error(error, impl_->database.path()));
  }
}

Result<void> DeviceStore::commit() {
  try {
    impl_->transaction->commit();
    impl_->transaction.reset();
    return {};
  } catch (const StoreError& error) {
    impl_->transaction.reset();
    return fail(to_error(error, impl_->database.path()));
  }
}

void DeviceStore::rollback() {
  impl_->transaction.reset();
}

}  // namespace tenet::device
