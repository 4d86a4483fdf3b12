// Updates a table of the kernel to the wanted one, within a transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "device-agent/datapath/linux/kernel/nft_transaction.h"
#include "device-agent/datapath/linux/program/table.h"

namespace tenet::device::nft {

// Adds the changes that turn `now` into `wanted`. If a shape differs, or with `rebuild`, the table
// is removed and created again; packets see the old table or the new one. True if it is created.
bool update_table(Transaction& out, const TableName& name, std::optional<Table> now, Table wanted,
                  bool rebuild);
// Reduces `table` to the sets and chains that `base` has too, without elements. An update to `base`
// then leaves the rest of the kernel's table unchanged.
void restrict_to(Table& table, const Table& base);
// The changed objects with their counts, sorted, for logs and operators. A table that is created or
// removed as a whole is one object.
std::vector<std::string> summary(const Transaction& transaction);

}  // namespace tenet::device::nft
