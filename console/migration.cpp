#include "console/migration.h"

#include <memory>
#include <optional>

namespace tenet::console {
namespace {

constexpr const char* kIn = "migrate-in";
constexpr const char* kOut = "migrate-out";

using Done = std::function<void(Outcome)>;

void add_half(Outcome& to, const char* node, const Outcome& half) {
  to.exit = worse(to.exit, half.exit);
  for (const auto& [type, text] : half.notes) {
    to.notes.emplace_back(type, std::string(node) + ": " + text);
  }
  if (half.columns.empty()) return;
  if (to.columns.empty()) {
    to.columns = {"command"};
    to.columns.insert(to.columns.end(), half.columns.begin(), half.columns.end());
  }
  for (const auto& row : half.rows) {
    to.rows.push_back({node});
    to.rows.back().insert(to.rows.back().end(), row.begin(), row.end());
  }
}

struct Halves {
  xmpp::Jid from;
  xmpp::Jid to;
  xmpp::FormValues in_fields;
  xmpp::FormValues out_fields;
};

// Kept alive by the reply that it waits for.
struct Migration : std::enable_shared_from_this<Migration> {
  Migration(AdhocClient& with, Halves what, Done when_done)
      : client(with), halves(std::move(what)), done(std::move(when_done)) {}

  AdhocClient& client;
  const Halves halves;
  const Done done;
  std::optional<Outcome> in;
  std::optional<Outcome> out;

  void run(const xmpp::Jid& agent, const char* node, const xmpp::FormValues& fields,
           std::optional<Outcome> Migration::*result, std::function<void()> then) {
    client.run(agent, node, fields,
               [self = shared_from_this(), result,
                then = std::move(then)](const Result<CommandReply>& reply) {
                 (*self).*result = outcome_of(reply);
                 then();
               });
  }

  void one_after_the_other() {
    run(halves.to, kIn, halves.in_fields, &Migration::in, [this] {
      if (in->exit != Exit::done) return done(joined_halves(*in, std::nullopt));
      run(halves.from, kOut, halves.out_fields, &Migration::out,
          [this] { done(joined_halves(*in, out)); });
    });
  }

  void both_at_once() {
    const auto finished = [this] {
      if (in && out) done(joined_halves(*in, out));
    };
    run(halves.to, kIn, halves.in_fields, &Migration::in, finished);
    run(halves.from, kOut, halves.out_fields, &Migration::out, finished);
  }
};

}  // namespace

Outcome joined_halves(const Outcome& in, const std::optional<Outcome>& out) {
  Outcome joined;
  add_half(joined, kIn, in);
  if (out) {
    add_half(joined, kOut, *out);
  } else {
    joined.notes.emplace_back(in.exit == Exit::pending ? "warn" : "error",
                              "migrate-out was not run, so that the source keeps the VM where the "
                              "new server does not have it; run the same migration again when "
                              "migrate-in can be enforced everywhere");
  }
  return joined;
}

Result<Job> migrate(const xmpp::Jid& from, const xmpp::Jid& to, xmpp::FormValues fields,
                    bool parallel) {
  if (from == to) {
    return fail(Code::configuration, "the VM is to leave " + from.text() +
                                         " and to come to it: write two different servers");
  }
  if (parallel && !fields.contains("mac")) {
    return fail(Code::configuration,
                "with --parallel write --mac too: " + from.text() +
                    " may have forgotten the VM before " + to.text() + " asks for it",
                {.entry = "mac"});
  }
  xmpp::FormValues out_fields;
  for (const char* name : {"vnid", "vm"}) {
    if (fields.contains(name)) out_fields[name] = fields[name];
  }
  fields["from"] = {from.text()};
  return [halves = Halves{from, to, std::move(fields), std::move(out_fields)}, parallel](
             AdhocClient& client, const Done& done) {
    const auto migration = std::make_shared<Migration>(client, halves, done);
    if (parallel) {
      migration->both_at_once();
    } else {
      migration->one_after_the_other();
    }
  };
}

}  // namespace tenet::console
