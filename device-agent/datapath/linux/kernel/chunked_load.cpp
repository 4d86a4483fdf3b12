// LinuxDriver: loads a large state into an empty kernel in several transactions.
#include <future>
#include <utility>

#include "device-agent/datapath/linux/kernel/linux_driver.h"
#include "device-agent/datapath/linux/kernel/nft_reader.h"
#include "device-agent/datapath/linux/kernel/nft_writer.h"
#include "device-agent/datapath/linux/program/load_chunks.h"
#include "device-agent/datapath/linux/program/program.h"

namespace tenet::device {

// While the kernel commits one chunk, in the only other thread of the driver, this one renders the
// next. A commit takes twice as long as rendering, so each chunk is twice as large as the one
// before. Fewer chunks are cheaper, because the kernel validates all chains with each.
Result<bool> LinuxDriver::load_chunks(nft::LoadChunks& chunks) {
  using Answer = Result<std::vector<NetlinkError>>;
  const auto known = std::exchange(generation_, std::nullopt);
  std::uint32_t transactions = 0;
  std::future<Answer> in_flight;
  std::size_t bytes = 0;
  const auto finish = [&]() -> Result<bool> {
    if (!in_flight.valid()) return true;
    const Answer refused = in_flight.get();
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
    if (auto taken = finish(); !taken || !*taken) return taken;
    ++transactions;
    in_flight = std::async(
        [this, messages = std::move(messages)] { return sockets_.netfilter.transact(messages); });
  }
  if (auto taken = finish(); !taken || !*taken) return taken;
  auto now = nft::read_generation(sockets_.netfilter);
  if (now && known && *now == *known + transactions) generation_ = *now;
  return true;
}

}  // namespace tenet::device
