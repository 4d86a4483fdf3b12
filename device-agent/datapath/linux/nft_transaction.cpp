#include "device-agent/datapath/linux/nft_transaction.h"

namespace tenet::device::nft {

void Transaction::add(const TableName& table, std::vector<Change> changes) {
  for (Change& change : changes) add(table, std::move(change));
}

Result<std::vector<Transaction::Refusal>> Transaction::commit(NetlinkSocket& socket) const {
  if (steps_.empty()) return std::vector<Refusal>();
  NetlinkMessages messages;
  put_begin(messages);
  for (const Step& step : steps_) {
    put(messages, step.table, step.change, &step == &steps_.back());
  }
  put_end(messages);
  auto errors = socket.transact(messages);
  if (!errors) return fail(errors.error());
  std::vector<Refusal> out;
  for (const NetlinkError& error : *errors) {
    // Message 0 begins the batch; an error there is about all of it.
    const bool one = error.sequence >= 1 && error.sequence <= steps_.size();
    out.push_back({one ? &steps_[error.sequence - 1] : nullptr, error.number});
  }
  return out;
}

}  // namespace tenet::device::nft
