// LinuxDriver: a large state comes to an empty kernel in several transactions.
#include <future>
#include <utility>

#include "device-agent/datapath/linux/kernel/linux_driver.h"
#include "device-agent/datapath/linux/kernel/nft_reader.h"
#include "device-agent/datapath/linux/kernel/nft_writer.h"
#include "device-agent/datapath/linux/program/load_chunks.h"
#include "device-agent/datapath/linux/program/program.h"

namespace tenet::device {

// While the kernel takes one part, in the only other thread that there ever is, the next is made.
// The kernel needs twice as long. So each may be twice as large as the one before, and there are
// few, since with each the kernel looks at all chains.
Result<bool> LinuxDriver::load_chunks(nft::LoadChunks& chunks) {
  using Answer = Result<std::vector<NetlinkError>>;
  const auto known = std::exchange(generation_, std::nullopt);
  std::uint32_t transactions = 0;
  std::future<Answer> on_its_way;
  std::size_t bytes = 0;
  const auto arrive = [&]() -> Result<bool> {
    if (!on_its_way.valid()) return true;
    const Answer refused = on_its_way.get();
    if (!refused) return fail(refused.error());
    return refused->empty();
  };
  for (std::size_t size = 2 * nft::kFirstChunk; !chunks.done(); size *= 2) {
    NetlinkMessages messages;
    messages.reserve(2 * bytes);
    nft::put_begin(messages);
    nft::put_part(messages, nft::bridge_table(), chunks.next(size));
    nft::put_end(messages);
    bytes = messages.size();
    if (auto taken = arrive(); !taken || !*taken) return taken;
    ++transactions;
    on_its_way = std::async(
        [this, messages = std::move(messages)] { return sockets_.netfilter.transact(messages); });
  }
  if (auto taken = arrive(); !taken || !*taken) return taken;
  auto now = nft::read_generation(sockets_.netfilter);
  if (now && known && *now == *known + transactions) generation_ = *now;
  return true;
}

}  // namespace tenet::device
