#include "device-agent/datapath/linux/kernel/nft_reader.h"

#include <libnftnl/common.h>
#include <libnftnl/gen.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <string>
#include <utility>

#include "device-agent/datapath/linux/kernel/nft_expression_reader.h"
#include "device-agent/datapath/linux/kernel/nft_numbers.h"
#include "device-agent/datapath/linux/kernel/nft_objects.h"

namespace tenet::device::nft {
namespace {

// The data type of a verdict map.
constexpr std::uint32_t kVerdictType = NFT_DATA_VERDICT;

std::string comment_text(const char* data, std::size_t size) {
  if (size < 3 || data[0] != static_cast<char>(NFTNL_UDATA_RULE_COMMENT)) return {};
  const auto length = static_cast<std::size_t>(static_cast<unsigned char>(data[1]));
  if (length < 1 || 2 + length != size) return "?";
  return {data + 2, length - 1};
}

Element read_element(nftnl_set_elem* element) {
  const auto bytes = [&](std::uint16_t attribute) {
    std::uint32_t size = 0;
    const auto* data = static_cast<const char*>(nftnl_set_elem_get(element, attribute, &size));
    return data == nullptr ? Bytes() : Bytes(data, size);
  };
  Element out{bytes(NFTNL_SET_ELEM_KEY)};
  if (nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_VERDICT)) {
    const auto code = verdict_code(
        static_cast<std::int32_t>(nftnl_set_elem_get_u32(element, NFTNL_SET_ELEM_VERDICT)));
    const char* chain = nftnl_set_elem_get_str(element, NFTNL_SET_ELEM_CHAIN);
    out.data = Verdict{code.value_or(VerdictCode::drop), chain == nullptr ? "" : chain};
  } else if (nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_DATA)) {
    out.data = bytes(NFTNL_SET_ELEM_DATA);
  }
  return out;
}

template <class Build>
NetlinkMessages request(const TableName& table, std::uint16_t type, std::uint16_t flags,
                        Build build) {
  NetlinkMessages out;
  out.append([&](char* buffer, std::uint32_t sequence) {
    build(nftnl_nlmsg_build_hdr(buffer, type, family_number(table.family), flags, sequence));
  });
  return out;
}

tl::unexpected<Error> unreadable(const std::string& what) {
  return fail(Code::io, "the kernel's answer about a " + what + " is malformed");
}

Result<bool> read_table_flags(NetlinkSocket& socket, const TableName& name, Table& out) {
  bool there = false;
  bool readable = true;
  // A dump, because a request for one missing table is answered with an error like any other.
  auto read = socket.dump(
      request(name, NFT_MSG_GETTABLE, NLM_F_DUMP, [](nlmsghdr*) {}), [&](const nlmsghdr* message) {
        const TablePtr table = own<TablePtr>(nftnl_table_alloc());
        readable = readable && nftnl_table_nlmsg_parse(message, table.get()) == 0;
        if (!readable || nftnl_table_get_str(table.get(), NFTNL_TABLE_NAME) != name.name) return;
        there = true;
        out.dormant =
            (nftnl_table_get_u32(table.get(), NFTNL_TABLE_FLAGS) & NFT_TABLE_F_DORMANT) != 0;
      });
  if (!read) return fail(read.error());
  if (!readable) return unreadable("table");
  return there;
}

Chain read_chain(const nftnl_chain* chain) {
  Chain out;
  if (!nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM)) return out;
  Hook hook{nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM),
            nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO)};
  if (nftnl_chain_is_set(chain, NFTNL_CHAIN_DEV)) {
    hook.device = nftnl_chain_get_str(chain, NFTNL_CHAIN_DEV);
  } else if (nftnl_chain_is_set(chain, NFTNL_CHAIN_DEVICES)) {
    const char* const* devices = nftnl_chain_get_array(chain, NFTNL_CHAIN_DEVICES);
    if (devices != nullptr && devices[0] != nullptr) hook.device = devices[0];
  }
  hook.policy = nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY);
  out.hook = std::move(hook);
  return out;
}

Result<void> read_chains(NetlinkSocket& socket, const TableName& name, Table& out) {
  bool readable = true;
  auto read = socket.dump(
      request(name, NFT_MSG_GETCHAIN, NLM_F_DUMP, [](nlmsghdr*) {}), [&](const nlmsghdr* message) {
        const ChainPtr chain = own<ChainPtr>(nftnl_chain_alloc());
        readable = readable && nftnl_chain_nlmsg_parse(message, chain.get()) == 0;
        if (!readable || nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_TABLE) != name.name) return;
        out.chains[nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_NAME)] = read_chain(chain.get());
      });
  if (!read) return read;
  if (!readable) return unreadable("chain");
  return {};
}

Rule read_rule(nftnl_rule* rule) {
  Rule out;
  const auto collect = [](nftnl_expr* expression, void* list) {
    static_cast<std::vector<Expression>*>(list)->push_back(from_nftnl(expression));
    return 0;
  };
  nftnl_expr_foreach(rule, collect, &out.expressions);
  if (nftnl_rule_is_set(rule, NFTNL_RULE_USERDATA)) {
    std::uint32_t size = 0;
    const auto* data =
        static_cast<const char*>(nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &size));
    out.comment = comment_text(data, size);
  }
  return out;
}

// The rules of one chain; of all chains if the name is empty.
Result<void> read_rules(NetlinkSocket& socket, const TableName& name, const std::string& chain,
                        Table& out) {
  const RulePtr asked = own<RulePtr>(nftnl_rule_alloc());
  nftnl_rule_set_str(asked.get(), NFTNL_RULE_TABLE, name.name.c_str());
  if (!chain.empty()) nftnl_rule_set_str(asked.get(), NFTNL_RULE_CHAIN, chain.c_str());
  bool readable = true;
  auto read = socket.dump(
      request(name, NFT_MSG_GETRULE, NLM_F_DUMP,
              [&](nlmsghdr* header) { nftnl_rule_nlmsg_build_payload(header, asked.get()); }),
      [&](const nlmsghdr* message) {
        const RulePtr rule = own<RulePtr>(nftnl_rule_alloc());
        readable = readable && nftnl_rule_nlmsg_parse(message, rule.get()) == 0;
        if (!readable || nftnl_rule_get_str(rule.get(), NFTNL_RULE_TABLE) != name.name) return;
        out.chains[nftnl_rule_get_str(rule.get(), NFTNL_RULE_CHAIN)].rules.push_back(
            read_rule(rule.get()));
      });
  if (!read) return read;
  if (!readable) return unreadable("rule");
  return {};
}

// The kernel writes a dump in parts, and for each part skips the rules before it one by one. From
// this many chains on, a request for each chain is faster.
constexpr std::size_t kManyChains = 10'000;

Result<void> read_rules(NetlinkSocket& socket, const TableName& name, Table& out) {
  if (out.chains.size() < kManyChains) return read_rules(socket, name, "", out);
  std::vector<std::string> chains;
  for (const auto& [chain, rules] : out.chains) chains.push_back(chain);
  for (const std::string& chain : chains) {
    if (auto read = read_rules(socket, name, chain, out); !read) return read;
  }
  return {};
}

SetSpec read_spec(const nftnl_set* set) {
  const auto number = [&](std::uint16_t attribute) {
    return nftnl_set_is_set(set, attribute) ? nftnl_set_get_u32(set, attribute) : 0;
  };
  SetSpec out;
  out.flags = number(NFTNL_SET_FLAGS);
  out.key_type = number(NFTNL_SET_KEY_TYPE);
  out.key_length = number(NFTNL_SET_KEY_LEN);
  if ((out.flags & NFT_SET_MAP) != 0) {
    out.data_type = number(NFTNL_SET_DATA_TYPE);
    // The kernel reports its internal size of a verdict.
    out.data_length = out.data_type == kVerdictType ? 0 : number(NFTNL_SET_DATA_LEN);
  }
  if (nftnl_set_is_set(set, NFTNL_SET_TIMEOUT)) {
    out.timeout_ms = nftnl_set_get_u64(set, NFTNL_SET_TIMEOUT);
  }
  out.size = number(NFTNL_SET_DESC_SIZE);
  return out;
}

Result<void> read_sets(NetlinkSocket& socket, const TableName& name, Table& out) {
  const SetPtr asked = own<SetPtr>(nftnl_set_alloc());
  nftnl_set_set_str(asked.get(), NFTNL_SET_TABLE, name.name.c_str());
  bool readable = true;
  auto read = socket.dump(
      request(name, NFT_MSG_GETSET, NLM_F_DUMP,
              [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, asked.get()); }),
      [&](const nlmsghdr* message) {
        const SetPtr set = own<SetPtr>(nftnl_set_alloc());
        readable = readable && nftnl_set_nlmsg_parse(message, set.get()) == 0;
        if (!readable) return;
        out.sets[nftnl_set_get_str(set.get(), NFTNL_SET_NAME)] = read_spec(set.get());
      });
  if (!read) return read;
  if (!readable) return unreadable("set");
  return {};
}

}  // namespace

Result<std::vector<Element>> read_elements(NetlinkSocket& socket, const TableName& table,
                                           const std::string& name) {
  const SetPtr asked = own<SetPtr>(nftnl_set_alloc());
  nftnl_set_set_str(asked.get(), NFTNL_SET_TABLE, table.name.c_str());
  nftnl_set_set_str(asked.get(), NFTNL_SET_NAME, name.c_str());
  std::vector<Element> out;
  bool readable = true;
  const auto collect = [](nftnl_set_elem* element, void* list) {
    static_cast<std::vector<Element>*>(list)->push_back(read_element(element));
    return 0;
  };
  auto read = socket.dump(
      request(table, NFT_MSG_GETSETELEM, NLM_F_DUMP,
              [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, asked.get()); }),
      [&](const nlmsghdr* message) {
        const SetPtr set = own<SetPtr>(nftnl_set_alloc());
        readable = readable && nftnl_set_elems_nlmsg_parse(message, set.get()) == 0;
        if (readable) nftnl_set_elem_foreach(set.get(), collect, &out);
      });
  if (!read) return fail(read.error());
  if (!readable) return unreadable("set");
  return out;
}

Result<std::uint32_t> read_generation(NetlinkSocket& socket) {
  const auto generation = own<Owner<nftnl_gen, nftnl_gen_free>>(nftnl_gen_alloc());
  bool readable = false;
  auto answered = socket.transact(
      request({}, NFT_MSG_GETGEN, NLM_F_ACK, [](nlmsghdr*) {}), [&](const nlmsghdr* message) {
        readable = nftnl_gen_nlmsg_parse(message, generation.get()) == 0;
      });
  if (!answered) return fail(answered.error());
  if (!readable) return unreadable("generation");
  return nftnl_gen_get_u32(generation.get(), NFTNL_GEN_ID);
}

Result<std::optional<Table>> read_table(NetlinkSocket& socket, const TableName& name) {
  Table out;
  auto there = read_table_flags(socket, name, out);
  if (!there) return fail(there.error());
  if (!*there) return std::nullopt;
  if (auto read = read_chains(socket, name, out); !read) return fail(read.error());
  if (auto read = read_rules(socket, name, out); !read) return fail(read.error());
  if (auto read = read_sets(socket, name, out); !read) return fail(read.error());
  for (const auto& [set, spec] : out.sets) {
    if (spec.dynamic()) continue;
    auto elements = read_elements(socket, name, set);
    if (!elements) return fail(elements.error());
    out.elements[set] = *std::move(elements);
  }
  return out;
}

}  // namespace tenet::device::nft
