#include "device-agent/datapath/linux/kernel/nft_codec.h"

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/gen.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <memory>
#include <new>
#include <span>
#include <utility>

#include "device-agent/datapath/linux/kernel/nft_expressions.h"

namespace tenet::device::nft {
namespace {

// libnftnl's objects, with their ends.
template <class T, auto Free>
struct Deleter {
  void operator()(T* object) const { Free(object); }
};
template <class T, auto Free>
using Owner = std::unique_ptr<T, Deleter<T, Free>>;
using TablePtr = Owner<nftnl_table, nftnl_table_free>;
using ChainPtr = Owner<nftnl_chain, nftnl_chain_free>;
using RulePtr = Owner<nftnl_rule, nftnl_rule_free>;
using SetPtr = Owner<nftnl_set, nftnl_set_free>;

template <class Ptr>
Ptr made(typename Ptr::pointer object) {
  if (object == nullptr) throw std::bad_alloc();
  return Ptr(object);
}

std::uint16_t family_of(const TableName& table) {
  switch (table.family) {
    case TableFamily::bridge:
      return NFPROTO_BRIDGE;
    case TableFamily::netdev:
      return NFPROTO_NETDEV;
    case TableFamily::inet:
      return NFPROTO_INET;
    default:
      return NFPROTO_ARP;
  }
}

// nft's mark of a verdict map.
constexpr std::uint32_t kVerdictType = NFT_DATA_VERDICT;

// nft reads comments as a list of type, length, bytes with their NUL.
std::string comment_data(const std::string& comment) {
  const std::string text = comment.substr(0, 127);
  std::string out;
  out += static_cast<char>(NFTNL_UDATA_RULE_COMMENT);
  out += static_cast<char>(text.size() + 1);
  return out + text + '\0';
}

std::string comment_text(const char* data, std::size_t size) {
  if (size < 3 || data[0] != static_cast<char>(NFTNL_UDATA_RULE_COMMENT)) return {};
  const auto length = static_cast<std::size_t>(static_cast<unsigned char>(data[1]));
  if (length < 1 || 2 + length != size) return "?";
  return {data + 2, length - 1};
}

// How nft shall print keys and values: names of ports and marks are in the host's order. Types are
// nft's (include/datatype.h); a concatenation knows the order of its parts.
std::string set_notes(const SetSpec& spec) {
  constexpr std::uint32_t kInvalid = 0;
  constexpr std::uint32_t kHost = 1;
  constexpr std::uint32_t kBig = 2;
  const auto order = [&](std::uint32_t type) {
    constexpr std::uint32_t kMark = 19;
    constexpr std::uint32_t kPortName = 41;
    if (type > 63) return kInvalid;
    return type == kMark || type == kPortName ? kHost : kBig;
  };
  std::string out;
  const auto note = [&](std::uint8_t type, std::uint32_t value) {
    out += static_cast<char>(type);
    out += static_cast<char>(sizeof value);
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  note(NFTNL_UDATA_SET_KEYBYTEORDER, order(spec.key_type));
  if ((spec.flags & NFT_SET_MAP) != 0) note(NFTNL_UDATA_SET_DATABYTEORDER, order(spec.data_type));
  return out;
}

nftnl_set_elem* make_element(const Element& element) {
  nftnl_set_elem* out = nftnl_set_elem_alloc();
  if (out == nullptr) throw std::bad_alloc();
  nftnl_set_elem_set(out, NFTNL_SET_ELEM_KEY, element.key.data(),
                     static_cast<std::uint32_t>(element.key.size()));
  if (const auto* bytes = std::get_if<Bytes>(&element.data)) {
    nftnl_set_elem_set(out, NFTNL_SET_ELEM_DATA, bytes->data(),
                       static_cast<std::uint32_t>(bytes->size()));
  } else if (const auto* verdict = std::get_if<Verdict>(&element.data)) {
    nftnl_set_elem_set_u32(out, NFTNL_SET_ELEM_VERDICT,
                           static_cast<std::uint32_t>(verdict_number(verdict->code)));
    if (!verdict->chain.empty()) {
      nftnl_set_elem_set_str(out, NFTNL_SET_ELEM_CHAIN, verdict->chain.c_str());
    }
  }
  return out;
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

// Writes one message: its header, then what the visitor has for it.
class Put {
 public:
  Put(NetlinkMessages& out, const TableName& table, bool last)
      : out_(out), table_(table), answer_(last ? NLM_F_ACK : 0) {}

  void operator()(const AddTable&) const { table(NFT_MSG_NEWTABLE, NLM_F_CREATE); }
  void operator()(const RemoveTable&) const { table(NFT_MSG_DELTABLE, 0); }
  void operator()(const AddSet& c) const {
    const SetPtr set = named_set(c.name);
    nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, c.spec.flags);
    nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, c.spec.key_type);
    nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, c.spec.key_length);
    if ((c.spec.flags & NFT_SET_MAP) != 0) {
      nftnl_set_set_u32(set.get(), NFTNL_SET_DATA_TYPE, c.spec.data_type);
      nftnl_set_set_u32(set.get(), NFTNL_SET_DATA_LEN, c.spec.data_length);
    }
    if (c.spec.timeout_ms != 0) {
      nftnl_set_set_u64(set.get(), NFTNL_SET_TIMEOUT, c.spec.timeout_ms);
    }
    if (c.spec.size != 0) nftnl_set_set_u32(set.get(), NFTNL_SET_DESC_SIZE, c.spec.size);
    const std::string notes = set_notes(c.spec);
    nftnl_set_set_data(set.get(), NFTNL_SET_USERDATA, notes.data(),
                       static_cast<std::uint32_t>(notes.size()));
    write(NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, [&](nlmsghdr* header) {
      // Only has to be there, and to differ within the batch.
      nftnl_set_set_u32(set.get(), NFTNL_SET_ID, header->nlmsg_seq);
      nftnl_set_nlmsg_build_payload(header, set.get());
    });
  }
  void operator()(const RemoveSet& c) const {
    const SetPtr set = named_set(c.name);
    write(NFT_MSG_DELSET, 0,
          [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, set.get()); });
  }
  void operator()(const AddChain& c) const {
    const ChainPtr chain = named_chain(c.name);
    if (c.hook) {
      nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TYPE, "filter");
      nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM, c.hook->number);
      nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, c.hook->priority);
      nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_POLICY, c.hook->policy);
      if (!c.hook->device.empty()) {
        nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_DEV, c.hook->device.c_str());
      }
    }
    write(NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL,
          [&](nlmsghdr* header) { nftnl_chain_nlmsg_build_payload(header, chain.get()); });
  }
  void operator()(const RemoveChain& c) const {
    const ChainPtr chain = named_chain(c.name);
    write(NFT_MSG_DELCHAIN, 0,
          [&](nlmsghdr* header) { nftnl_chain_nlmsg_build_payload(header, chain.get()); });
  }
  void operator()(const FlushChain& c) const {
    const RulePtr rule = named_rule(c.name);
    write(NFT_MSG_DELRULE, 0,
          [&](nlmsghdr* header) { nftnl_rule_nlmsg_build_payload(header, rule.get()); });
  }
  void operator()(const AddRule& c) const { rule(c.chain, c.rule); }
  void operator()(const AddElement& c) const { one(c.set, c.element, true); }
  void operator()(const RemoveElement& c) const { one(c.set, c.element, false); }

  void rule(const std::string& chain, const Rule& added) const {
    const RulePtr rule = named_rule(chain);
    for (const Expression& expression : added.expressions) {
      nftnl_rule_add_expr(rule.get(), to_nftnl(expression));
    }
    if (!added.comment.empty()) {
      const std::string data = comment_data(added.comment);
      nftnl_rule_set_data(rule.get(), NFTNL_RULE_USERDATA, data.data(),
                          static_cast<std::uint32_t>(data.size()));
    }
    write(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
          [&](nlmsghdr* header) { nftnl_rule_nlmsg_build_payload(header, rule.get()); });
  }
  void elements(const std::string& name, std::span<const Element* const> elements,
                bool added) const {
    const SetPtr set = named_set(name);
    for (const Element* element : elements) {
      nftnl_set_elem_add(set.get(), make_element(*element));
    }
    write(added ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, added ? NLM_F_CREATE | NLM_F_EXCL : 0,
          [&](nlmsghdr* header) { nftnl_set_elems_nlmsg_build_payload(header, set.get()); });
  }

 private:
  template <class Fill>
  void write(std::uint16_t type, std::uint16_t flags, Fill fill) const {
    out_.append([&](char* buffer, std::uint32_t sequence) {
      fill(nftnl_nlmsg_build_hdr(buffer, type, family_of(table_),
                                 static_cast<std::uint16_t>(flags | answer_), sequence));
    });
  }
  void one(const std::string& set, const Element& element, bool added) const {
    const Element* const all = &element;
    elements(set, {&all, 1}, added);
  }
  void table(std::uint16_t type, std::uint16_t flags) const {
    const TablePtr table = made<TablePtr>(nftnl_table_alloc());
    nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, table_.name.c_str());
    write(type, flags,
          [&](nlmsghdr* header) { nftnl_table_nlmsg_build_payload(header, table.get()); });
  }
  SetPtr named_set(const std::string& name) const {
    SetPtr set = made<SetPtr>(nftnl_set_alloc());
    nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table_.name.c_str());
    nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name.c_str());
    return set;
  }
  ChainPtr named_chain(const std::string& name) const {
    ChainPtr chain = made<ChainPtr>(nftnl_chain_alloc());
    nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table_.name.c_str());
    nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name.c_str());
    return chain;
  }
  RulePtr named_rule(const std::string& chain) const {
    RulePtr rule = made<RulePtr>(nftnl_rule_alloc());
    nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE, table_.name.c_str());
    nftnl_rule_set_str(rule.get(), NFTNL_RULE_CHAIN, chain.c_str());
    nftnl_rule_set_u32(rule.get(), NFTNL_RULE_FAMILY, family_of(table_));
    return rule;
  }

  NetlinkMessages& out_;
  const TableName& table_;
  std::uint16_t answer_;
};

// ---- reading ---------------------------------------------------------------------------------

template <class Build>
NetlinkMessages request(const TableName& table, std::uint16_t type, std::uint16_t flags,
                        Build build) {
  NetlinkMessages out;
  out.append([&](char* buffer, std::uint32_t sequence) {
    build(nftnl_nlmsg_build_hdr(buffer, type, family_of(table), flags, sequence));
  });
  return out;
}

tl::unexpected<Error> unreadable(const std::string& what) {
  return fail(Code::io, "the kernel's answer about a " + what + " cannot be read");
}

Result<bool> read_head(NetlinkSocket& socket, const TableName& name, Table& out) {
  bool there = false;
  bool readable = true;
  // A dump, since asking for one table that is not there is an error among others.
  auto read = socket.dump(
      request(name, NFT_MSG_GETTABLE, NLM_F_DUMP, [](nlmsghdr*) {}), [&](const nlmsghdr* message) {
        const TablePtr table = made<TablePtr>(nftnl_table_alloc());
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
        const ChainPtr chain = made<ChainPtr>(nftnl_chain_alloc());
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

// Of one chain, or of all.
Result<void> read_rules(NetlinkSocket& socket, const TableName& name, const std::string& chain,
                        Table& out) {
  const RulePtr asked = made<RulePtr>(nftnl_rule_alloc());
  nftnl_rule_set_str(asked.get(), NFTNL_RULE_TABLE, name.name.c_str());
  if (!chain.empty()) nftnl_rule_set_str(asked.get(), NFTNL_RULE_CHAIN, chain.c_str());
  bool readable = true;
  auto read = socket.dump(
      request(name, NFT_MSG_GETRULE, NLM_F_DUMP,
              [&](nlmsghdr* header) { nftnl_rule_nlmsg_build_payload(header, asked.get()); }),
      [&](const nlmsghdr* message) {
        const RulePtr rule = made<RulePtr>(nftnl_rule_alloc());
        readable = readable && nftnl_rule_nlmsg_parse(message, rule.get()) == 0;
        if (!readable || nftnl_rule_get_str(rule.get(), NFTNL_RULE_TABLE) != name.name) return;
        out.chains[nftnl_rule_get_str(rule.get(), NFTNL_RULE_CHAIN)].rules.push_back(
            read_rule(rule.get()));
      });
  if (!read) return read;
  if (!readable) return unreadable("rule");
  return {};
}

// The kernel writes a dump in pieces, and for each it counts all rules again from the first. With
// that many chains it is faster to ask for one after the other.
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
    // The kernel's own size of a verdict says nothing.
    out.data_length = out.data_type == kVerdictType ? 0 : number(NFTNL_SET_DATA_LEN);
  }
  if (nftnl_set_is_set(set, NFTNL_SET_TIMEOUT)) {
    out.timeout_ms = nftnl_set_get_u64(set, NFTNL_SET_TIMEOUT);
  }
  out.size = number(NFTNL_SET_DESC_SIZE);
  return out;
}

Result<void> read_sets(NetlinkSocket& socket, const TableName& name, Table& out) {
  const SetPtr asked = made<SetPtr>(nftnl_set_alloc());
  nftnl_set_set_str(asked.get(), NFTNL_SET_TABLE, name.name.c_str());
  bool readable = true;
  auto read = socket.dump(
      request(name, NFT_MSG_GETSET, NLM_F_DUMP,
              [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, asked.get()); }),
      [&](const nlmsghdr* message) {
        const SetPtr set = made<SetPtr>(nftnl_set_alloc());
        readable = readable && nftnl_set_nlmsg_parse(message, set.get()) == 0;
        if (!readable) return;
        out.sets[nftnl_set_get_str(set.get(), NFTNL_SET_NAME)] = read_spec(set.get());
      });
  if (!read) return read;
  if (!readable) return unreadable("set");
  return {};
}

}  // namespace

void put_begin(NetlinkMessages& out) {
  out.append([](char* buffer, std::uint32_t sequence) { nftnl_batch_begin(buffer, sequence); });
}

void put_end(NetlinkMessages& out) {
  out.append([](char* buffer, std::uint32_t sequence) { nftnl_batch_end(buffer, sequence); });
}

void put(NetlinkMessages& out, const TableName& table, const Change& change, bool last) {
  std::visit(Put(out, table, last), change);
}

void put_elements(NetlinkMessages& out, const TableName& table, const std::string& set,
                  const std::vector<const Element*>& elements, bool added, bool last) {
  Put(out, table, last).elements(set, elements, added);
}

void put_part(NetlinkMessages& out, const TableName& table, const Table& part) {
  bool answer = true;
  const auto put = [&] { return Put(out, table, std::exchange(answer, false)); };
  for (const auto& [name, spec] : part.sets) put()(AddSet{name, spec});
  for (const auto& [name, chain] : part.chains) put()(AddChain{name, chain.hook});
  // Elements point at chains, and rules at both.
  for (const auto& [set, elements] : part.elements) {
    std::vector<const Element*> all;
    all.reserve(elements.size());
    for (const Element& element : elements) all.push_back(&element);
    for (std::span<const Element* const> left = all; !left.empty();) {
      const auto some = left.first(std::min(left.size(), kMostElements));
      put().elements(set, some, true);
      left = left.subspan(some.size());
    }
  }
  for (const auto& [name, chain] : part.chains) {
    for (const Rule& rule : chain.rules) put().rule(name, rule);
  }
}

Result<std::vector<Element>> read_elements(NetlinkSocket& socket, const TableName& table,
                                           const std::string& name) {
  const SetPtr asked = made<SetPtr>(nftnl_set_alloc());
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
        const SetPtr set = made<SetPtr>(nftnl_set_alloc());
        readable = readable && nftnl_set_elems_nlmsg_parse(message, set.get()) == 0;
        if (readable) nftnl_set_elem_foreach(set.get(), collect, &out);
      });
  if (!read) return fail(read.error());
  if (!readable) return unreadable("set");
  return out;
}

Result<std::uint32_t> read_generation(NetlinkSocket& socket) {
  const auto generation = made<Owner<nftnl_gen, nftnl_gen_free>>(nftnl_gen_alloc());
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
  auto there = read_head(socket, name, out);
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
