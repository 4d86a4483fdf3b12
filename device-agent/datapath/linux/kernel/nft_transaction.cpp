#include "device-agent/datapath/linux/kernel/nft_transaction.h"

namespace tenet::device::nft {
namespace {

struct ElementOf {
  const std::string* set = nullptr;
  const Element* element = nullptr;  // nullptr: the step changes no element
};

ElementOf element_of(const Transaction::Step& step) {
  if (const auto* added = std::get_if<AddElement>(&step.change)) {
    return {&added->set, &added->element};
  }
  if (const auto* removed = std::get_if<RemoveElement>(&step.change)) {
    return {&removed->set, &removed->element};
  }
  return {};
}

}  // namespace

void Transaction::add(const TableName& table, std::vector<Change> changes) {
  steps_.reserve(steps_.size() + changes.size());
  for (Change& change : changes) add(table, std::move(change));
}

Result<std::vector<Transaction::Refusal>> Transaction::commit(NetlinkSocket& socket) const {
  if (steps_.empty()) return std::vector<Refusal>();
  auto refused = commit(socket, kMaxElementsPerMessage);
  // The kernel has applied nothing, and names a message. With one element in each message, try
  // again to find the refused element.
  if (refused && !refused->empty()) return commit(socket, 1);
  return refused;
}

Result<std::vector<Transaction::Refusal>> Transaction::commit(NetlinkSocket& socket,
                                                              std::size_t max_elements) const {
  NetlinkMessages messages;
  std::vector<std::size_t> first;  // first step of each message
  put_begin(messages);
  for (std::size_t i = 0; i < steps_.size();) {
    const Step& step = steps_[i];
    first.push_back(i);
    const auto elements = elements_from(i, max_elements);
    const std::string* set = element_of(step).set;
    if (set != nullptr && elements.size() > 1) {
      i += elements.size();
      put_elements(messages, step.table, *set, elements,
                   std::holds_alternative<AddElement>(step.change), i == steps_.size());
    } else {
      ++i;
      put(messages, step.table, step.change, i == steps_.size());
    }
  }
  put_end(messages);
  auto errors = socket.transact(messages);
  if (!errors) return fail(errors.error());
  std::vector<Refusal> out;
  for (const NetlinkError& error : *errors) {
    // Message 0 begins the batch; an error there is about the whole transaction.
    const bool one = error.sequence >= 1 && error.sequence <= first.size();
    out.push_back({one ? &steps_[first[error.sequence - 1]] : nullptr, error.number});
  }
  return out;
}

// The elements from step `begin` on that fit into one message: of one set, all added or all
// removed.
std::vector<const Element*> Transaction::elements_from(std::size_t begin, std::size_t max) const {
  std::vector<const Element*> out;
  const Step& first = steps_[begin];
  for (std::size_t i = begin; i < steps_.size() && out.size() < max; ++i) {
    const Step& step = steps_[i];
    const ElementOf element = element_of(step);
    const bool same = element.element != nullptr && step.table == first.table &&
                      step.change.index() == first.change.index() &&
                      *element.set == *element_of(first).set;
    if (!same) break;
    out.push_back(element.element);
  }
  return out;
}

}  // namespace tenet::device::nft
