// Changes of tables that the kernel applies all together or not at all.
#pragma once

#include <vector>

#include "device-agent/datapath/linux/kernel/nft_writer.h"

namespace tenet::device::nft {

class Transaction {
 public:
  struct Step {
    TableName table;
    Change change;
  };
  struct Refusal {
    const Step* step;  // nullptr: the whole transaction
    int number;        // errno
  };

  void add(const TableName& table, Change change) { steps_.push_back({table, std::move(change)}); }
  void add(const TableName& table, std::vector<Change> changes);
  bool empty() const { return steps_.empty(); }
  const std::vector<Step>& steps() const { return steps_; }
  // Empty if all changes are applied; otherwise none is. Errors: io.
  Result<std::vector<Refusal>> commit(NetlinkSocket& socket) const;

 private:
  Result<std::vector<Refusal>> commit(NetlinkSocket& socket, std::size_t max_elements) const;
  std::vector<const Element*> elements_from(std::size_t begin, std::size_t max) const;

  std::vector<Step> steps_;
};

}  // namespace tenet::device::nft
