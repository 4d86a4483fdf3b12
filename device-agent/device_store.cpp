#include "device-agent/device_store.h"

#include <array>
#include <optional>
#include <set>

#include "common/store/database.h"
#include "common/store/rows.h"

namespace tenet::device {
namespace {

using store::Database;
using store::Statement;
using store::StoreError;

constexpr std::array<std::string_view, 2> kMigrations{
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

// The end of the year 9999. A time beyond it was not written by us, and sums would overflow.
constexpr std::int64_t kLatest = 253'402'300'799;

WallTime read_time(std::int64_t seconds, const ServerName& server) {
  if (seconds < 0 || seconds > kLatest) {
    throw StoreError("the row of server " + server + " is damaged: there is no time " +
                     std::to_string(seconds));
  }
  return WallTime(std::chrono::seconds(seconds));
}

}  // namespace

struct DeviceStore::Impl {
  explicit Impl(const std::string& path) : database(path, kMigrations) {}

  Database database;
  std::optional<store::Transaction> transaction;
  Statement put_server = database.prepare("INSERT OR REPLACE INTO server VALUES(?, ?, ?, ?)");
  Statement put_policy = database.prepare("INSERT OR REPLACE INTO policy VALUES(?, ?)");
  Statement erase_policy = database.prepare("DELETE FROM policy WHERE vnid=?");
  Statement put_claim = database.prepare("INSERT OR REPLACE INTO claim VALUES(?, ?)");
  Statement erase_claim = database.prepare("DELETE FROM claim WHERE server=? AND vnid=?");
  Statement put_member =
      database.prepare("INSERT OR REPLACE INTO member VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
  Statement erase_member =
      database.prepare("DELETE FROM member WHERE server=? AND vnid=? AND vm=?");

  void write(const DeviceChanges& changes) {
    for (const auto& [name, contact] : changes.servers) {
      put_server.bind(1, name).bind(2, store::to_column(contact.last.epoch));
      put_server.bind(3, store::to_column(contact.last.seq));
      put_server.bind(4, std::int64_t{contact.heard.time_since_epoch().count()}).run();
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
      statement.bind(1, claim.server).bind(2, store::to_column(claim.vnid)).run();
    }
    for (const auto& [member, vm] : changes.members) {
      Statement& statement = vm ? put_member : erase_member;
      statement.bind(1, member.server).bind(2, store::to_column(member.key.vnid));
      statement.bind(3, member.key.vm);
      if (vm) store::bind_vm(statement, 4, *vm);
      statement.run();
    }
  }

  DeviceChanges load() {
    DeviceChanges out;
    Statement servers = database.prepare("SELECT name, epoch, seq, heard FROM server");
    servers.each([&] {
      const ServerName name = servers.text(0);
      out.servers[name] = {
          {store::from_column(servers.integer(1)), store::from_column(servers.integer(2))},
          read_time(servers.integer(3), name)};
    });
    Statement policies = database.prepare("SELECT vnid, document FROM policy");
    policies.each(
        [&] { out.policies[store::vnid_column(policies, 0)] = store::read_policy(policies, 1); });
    Statement claims = database.prepare("SELECT server, vnid FROM claim");
    claims.each([&] { out.claims[{claims.text(0), store::vnid_column(claims, 1)}] = true; });
    Statement members = database.prepare("SELECT server, vnid, vm, " +
                                         std::string(store::kVmColumns) + " FROM member");
    members.each([&] {
      const MemberKey key{store::vnid_column(members, 1), members.text(2)};
      out.members[{members.text(0), key}] = store::read_vm(members, key.vm, 3);
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
        throw StoreError("the policy of VNID " + vnid.text() +
                         " is of another VNID, or has no claim");
      }
    }
    for (const auto& [claim, present] : all.claims) {
      if (!all.policies.contains(claim.vnid) || !all.servers.contains(claim.server)) {
        throw StoreError("server " + claim.server + " claims VNID " + claim.vnid.text() +
                         ", of which the policy or the server is missing");
      }
    }
    for (const auto& [member, vm] : all.members) {
      if (!all.claims.contains({member.server, member.key.vnid})) {
        throw StoreError("VM " + text(member.key) + " has no claim of server " + member.server);
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
    return fail(Code::io, error.what());
  }
}

Result<DeviceChanges> DeviceStore::load() {
  try {
    return impl_->load();
  } catch (const StoreError& error) {
    return fail(Code::io, impl_->database.path() + ": " + error.what());
  }
}

Result<void> DeviceStore::write(const DeviceChanges& changes) {
  try {
    impl_->transaction.emplace(impl_->database);
    impl_->write(changes);
    return {};
  } catch (const StoreError& error) {
    impl_->transaction.reset();
    return fail(Code::io, error.what());
  }
}

Result<void> DeviceStore::commit() {
  try {
    impl_->transaction->commit();
    impl_->transaction.reset();
    return {};
  } catch (const StoreError& error) {
    impl_->transaction.reset();
    return fail(Code::io, error.what());
  }
}

void DeviceStore::rollback() {
  impl_->transaction.reset();
}

}  // namespace tenet::device
