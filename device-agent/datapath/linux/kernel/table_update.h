// What makes a table of the kernel the one that is wanted, in a transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "device-agent/datapath/linux/kernel/nft_transaction.h"
#include "device-agent/datapath/linux/program/table.h"

namespace tenet::device::nft {

// `now` becomes `wanted`, or all of it is made again: packets see the old table or the new one.
// True if it is made again.
bool update_table(Transaction& out, const TableName& name, std::optional<Table> now, Table wanted,
                  bool rebuild);
// Of a table that is there, what belongs to the frame: the rest of it is to stay.
void restrict_to(Table& table, const Table& frame);
// What of our tables differed. Of a table that was lost, its name says all.
std::vector<std::string> summary(const Transaction& transaction);

}  // namespace tenet::device::nft
