#include "device-agent/datapath/linux/kernel/queues.h"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "device-agent/datapath/linux/program/program.h"

namespace tenet::device {
namespace {

constexpr std::uint32_t kHandle = nft::kQueueHandle << 16;
constexpr std::uint32_t kParentClass = kHandle | 0x100;  // the parent of the eight classes
constexpr std::uint32_t kClasses = 8;

// The kernel's clock for qdiscs has ticks of 64 ns (PSCHED_SHIFT is 6).
constexpr double kTicksPerSecond = 1e9 / 64;

struct Class {
  std::uint32_t handle = 0;
  std::uint32_t parent = 0;
  std::uint64_t rate = 0;  // bytes per second
  std::uint64_t ceil = 0;
  std::uint32_t priority = 0;  // 0 is served first
  bool operator==(const Class&) const = default;
};

std::vector<Class> wanted_classes(const BitRate& rate) {
  const std::uint64_t bytes = std::max<std::uint64_t>(rate.bits_per_second() / 8, kClasses);
  std::vector<Class> out{{kParentClass, kHandle, bytes, bytes, 0}};
  for (std::uint8_t i = 0; i < kClasses; ++i) {
    out.push_back({nft::class_id(i), kParentClass, bytes / kClasses, bytes, kClasses - 1 - i});
  }
  return out;
}

template <class Fill>
NetlinkMessages message(std::uint16_t type, std::uint16_t flags, std::uint32_t port,
                        std::uint32_t handle, std::uint32_t parent, Fill fill) {
  NetlinkMessages out;
  out.append([&](char* buffer, std::uint32_t sequence) {
    nlmsghdr* header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = type;
    header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header->nlmsg_seq = sequence;
    auto* tc = static_cast<tcmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(tcmsg)));
    tc->tcm_family = AF_UNSPEC;
    tc->tcm_ifindex = static_cast<int>(port);
    tc->tcm_handle = handle;
    tc->tcm_parent = parent;
    fill(header);
  });
  return out;
}

// Calls `use` with the attributes of a message, if it is about that port.
template <class Use>
void read_message(const nlmsghdr* header, std::uint32_t port, Use use) {
  const auto* tc = static_cast<const tcmsg*>(mnl_nlmsg_get_payload(header));
  if (tc->tcm_ifindex != static_cast<int>(port)) return;
  const nlattr* kind = nullptr;
  const nlattr* options = nullptr;
  for (const auto* a =
           static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(header, sizeof(tcmsg)));
       mnl_attr_ok(a,
                   static_cast<int>(static_cast<const char*>(mnl_nlmsg_get_payload_tail(header)) -
                                    reinterpret_cast<const char*>(a)));
       a = mnl_attr_next(a)) {
    if (mnl_attr_get_type(a) == TCA_KIND) kind = a;
    if (mnl_attr_get_type(a) == TCA_OPTIONS) options = a;
  }
  use(*tc, kind == nullptr ? std::string_view() : mnl_attr_get_str(kind), options);
}

int keep_attribute(const nlattr* attribute, void* data) {
  auto& out = *static_cast<std::map<std::uint16_t, const nlattr*>*>(data);
  out[mnl_attr_get_type(attribute)] = attribute;
  return MNL_CB_OK;
}

std::optional<Class> read_class(const tcmsg& tc, const nlattr* options) {
  std::map<std::uint16_t, const nlattr*> a;
  if (options == nullptr || mnl_attr_parse_nested(options, keep_attribute, &a) < 0) return {};
  const auto parms = a.find(TCA_HTB_PARMS);
  if (parms == a.end() || mnl_attr_get_payload_len(parms->second) < sizeof(tc_htb_opt)) return {};
  tc_htb_opt htb{};
  std::memcpy(&htb, mnl_attr_get_payload(parms->second), sizeof htb);
  const auto wide = [&](std::uint16_t type, std::uint32_t narrow) {
    const auto found = a.find(type);
    return found == a.end() ? std::uint64_t(narrow) : mnl_attr_get_u64(found->second);
  };
  return Class{tc.tcm_handle, tc.tcm_parent == TC_H_ROOT ? kHandle : tc.tcm_parent,
               wide(TCA_HTB_RATE64, htb.rate.rate), wide(TCA_HTB_CEIL64, htb.ceil.rate),
               tc.tcm_handle == kParentClass ? 0 : htb.prio};
}

Result<std::vector<Class>> read_classes(NetlinkSocket& socket, std::uint32_t port) {
  std::vector<Class> out;
  auto read = socket.dump(
      message(RTM_GETTCLASS, NLM_F_DUMP, port, 0, 0, [](nlmsghdr*) {}),
      [&](const nlmsghdr* header) {
        read_message(header, port, [&](const tcmsg& tc, std::string_view, const nlattr* options) {
          if (auto found = read_class(tc, options)) out.push_back(*found);
        });
      });
  if (!read) return fail(read.error());
  std::sort(out.begin(), out.end(),
            [](const Class& a, const Class& b) { return a.handle < b.handle; });
  return out;
}

// The root qdisc of a port. The kernel's default has handle 0.
struct RootQdisc {
  std::string kind;
  std::uint32_t handle = 0;
};

Result<RootQdisc> read_root(NetlinkSocket& socket, std::uint32_t port) {
  RootQdisc out;
  auto read = socket.dump(
      message(RTM_GETQDISC, NLM_F_DUMP, port, 0, 0, [](nlmsghdr*) {}), [&](const nlmsghdr* header) {
        read_message(header, port, [&](const tcmsg& tc, std::string_view kind, const nlattr*) {
          if (tc.tcm_parent == TC_H_ROOT) out = {std::string(kind), tc.tcm_handle};
        });
      });
  if (!read) return fail(read.error());
  return out;
}

tc_ratespec narrow(std::uint64_t bytes) {
  tc_ratespec out{};
  out.linklayer = TC_LINKLAYER_ETHERNET;
  out.rate = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, UINT32_MAX));
  return out;
}

// The time in ticks that a burst takes at that rate: 10 ms of traffic and one frame of 64 KiB.
std::uint32_t burst_ticks(std::uint64_t bytes) {
  const double seconds = 0.01 + 65536.0 / static_cast<double>(bytes);
  return static_cast<std::uint32_t>(std::min(seconds * kTicksPerSecond, 4e9));
}

NetlinkMessages class_message(std::uint32_t port, const Class& c) {
  return message(
      RTM_NEWTCLASS, NLM_F_CREATE | NLM_F_ACK, port, c.handle, c.parent, [&](nlmsghdr* header) {
        mnl_attr_put_strz(header, TCA_KIND, "htb");
        nlattr* options = mnl_attr_nest_start(header, TCA_OPTIONS);
        tc_htb_opt htb{};
        htb.rate = narrow(c.rate);
        htb.ceil = narrow(c.ceil);
        htb.buffer = burst_ticks(c.rate);
        htb.cbuffer = burst_ticks(c.ceil);
        htb.prio = c.priority;
        htb.quantum =
            static_cast<std::uint32_t>(std::clamp<std::uint64_t>(c.rate / 10, 1514, 60'000));
        mnl_attr_put(header, TCA_HTB_PARMS, sizeof htb, &htb);
        mnl_attr_put_u64(header, TCA_HTB_RATE64, c.rate);
        mnl_attr_put_u64(header, TCA_HTB_CEIL64, c.ceil);
        mnl_attr_nest_end(header, options);
      });
}

NetlinkMessages qdisc_message(std::uint32_t port) {
  return message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, port, kHandle, TC_H_ROOT,
                 [](nlmsghdr* header) {
                   mnl_attr_put_strz(header, TCA_KIND, "htb");
                   nlattr* options = mnl_attr_nest_start(header, TCA_OPTIONS);
                   tc_htb_glob init{};
                   init.version = 3;
                   init.rate2quantum = 10;
                   init.defcls = 1;  // class 0
                   mnl_attr_put(header, TCA_HTB_INIT, sizeof init, &init);
                   mnl_attr_nest_end(header, options);
                 });
}

Result<void> send(NetlinkSocket& socket, const NetlinkMessages& messages, const std::string& port) {
  auto refused = socket.transact(messages);
  if (!refused) return fail(refused.error());
  if (refused->empty()) return {};
  return fail(Code::unsupported, "the kernel refuses the qdisc of port " + port + ": " +
                                     std::strerror(refused->front().number));
}

}  // namespace

Result<bool> ensure_queue(NetlinkSocket& socket, std::uint32_t port, const QueueOptions& options) {
  const std::vector<Class> wanted = wanted_classes(options.rate);
  auto root = read_root(socket, port);
  if (!root) return fail(root.error());
  const bool there = root->handle == kHandle && root->kind == "htb";
  if (root->handle != 0 && !there) {
    return fail(Code::unsupported, "port " + options.port + " has the qdisc " + root->kind +
                                       " that is not Tenet's; remove it, or the port from "
                                       "datapath.queue");
  }
  if (there) {
    auto now = read_classes(socket, port);
    if (!now) return fail(now.error());
    auto sorted = wanted;
    std::sort(sorted.begin(), sorted.end(),
              [](const Class& a, const Class& b) { return a.handle < b.handle; });
    if (*now == sorted) return false;
  } else if (auto made = send(socket, qdisc_message(port), options.port); !made) {
    return fail(made.error());
  }
  for (const Class& c : wanted) {
    if (auto made = send(socket, class_message(port, c), options.port); !made) {
      return fail(made.error());
    }
  }
  return true;
}

}  // namespace tenet::device
