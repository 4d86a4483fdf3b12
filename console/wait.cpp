#include "console/wait.h"

#include <algorithm>
#include <memory>

#include "common/core/text.h"
#include "console/table.h"

namespace tenet::console {
namespace {

constexpr std::chrono::milliseconds kPause{500};

std::string cell(const Outcome& listing, const std::vector<std::string>& row,
                 const std::string& column) {
  const auto at = std::find(listing.columns.begin(), listing.columns.end(), column);
  const auto index = static_cast<std::size_t>(at - listing.columns.begin());
  return index < row.size() ? row[index] : std::string();
}

// Kept alive by the answer or the pause that it waits for.
class Wait : public std::enable_shared_from_this<Wait> {
 public:
  Wait(AdhocClient& client, xmpp::Jid server, WaitTask task, std::ostream& progress,
       std::function<void(Outcome)> done)
      : client_(client),
        server_(std::move(server)),
        task_(std::move(task)),
        progress_(progress),
        done_(std::move(done)),
        end_(std::chrono::steady_clock::now() + task_.timeout) {}

  void look() {
    client_.run_all(server_, "list-networks", {{"vnid", {task_.vnid}}},
                    [self = shared_from_this()](const Result<CommandReply>& reply) {
                      self->judge(outcome_of(reply));
                    });
  }

 private:
  void judge(Outcome listing) {
    if (listing.exit != Exit::done) return done_(std::move(listing));
    if (listing.rows.empty()) {
      listing.exit = Exit::refused;
      listing.notes.emplace_back("error", server_.text() + " has no network " + task_.vnid);
      return done_(std::move(listing));
    }
    const Progress now = progress_of(listing, task_.reachable);
    const bool late = std::chrono::steady_clock::now() >= end_;
    if (now.over() || late) return finish(std::move(listing), now);
    if (text(now) != last_reported_) {
      last_reported_ = text(now);
      progress_ << printable(last_reported_) << std::endl;
    }
    client_.after(kPause, [self = shared_from_this()] { self->look(); });
  }

  void finish(Outcome listing, const Progress& now) {
    if (now.refused) {
      listing.exit = Exit::refused;
      listing.notes.emplace_back("error", text(now));
    } else if (!now.pending.empty()) {
      listing.exit = Exit::pending;
      listing.notes.emplace_back(
          "error", "after " + std::to_string(task_.timeout.count()) + " s: " + text(now));
    } else {
      listing.notes.emplace_back("info", text(now));
    }
    done_(std::move(listing));
  }

  AdhocClient& client_;
  const xmpp::Jid server_;
  const WaitTask task_;
  std::ostream& progress_;
  const std::function<void(Outcome)> done_;
  const std::chrono::steady_clock::time_point end_;
  std::string last_reported_;
};

}  // namespace

Progress progress_of(const Outcome& listing, bool reachable) {
  Progress out;
  for (const auto& row : listing.rows) {
    const std::string device = cell(listing, row, "device");
    const std::string state = cell(listing, row, "state");
    if (device.empty() || (reachable && state == "unreachable")) continue;
    ++out.awaited;
    if (state == "enforced") {
      ++out.enforcing;
      continue;
    }
    const std::string detail = cell(listing, row, "detail");
    std::string name = device;
    name.append(" (").append(state);
    if (!detail.empty()) name += ": " + detail;
    out.pending.push_back(name + ")");
    out.refused = out.refused || state == "refused";
  }
  return out;
}

std::string text(const Progress& progress) {
  std::string out = std::to_string(progress.enforcing) + " of " +
                    counted(progress.awaited, "device") + " enforce it";
  if (!progress.pending.empty()) out += "; not " + join(progress.pending, ", ");
  return out;
}

Job wait_for(const xmpp::Jid& server, const WaitTask& task, std::ostream& progress) {
  return [server, task, &progress](AdhocClient& client, const std::function<void(Outcome)>& done) {
    std::make_shared<Wait>(client, server, task, progress, done)->look();
  };
}

}  // namespace tenet::console
