#include "device-agent/datapath/linux/kernel/nft_writer.h"

#include <libnftnl/common.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <span>
#include <utility>

#include "device-agent/datapath/linux/kernel/nft_expression_writer.h"
#include "device-agent/datapath/linux/kernel/nft_numbers.h"
#include "device-agent/datapath/linux/kernel/nft_objects.h"

namespace tenet::device::nft {
namespace {

// A comment as nft reads it: type, length, and the text with its NUL.
std::string comment_userdata(const std::string& comment) {
  const std::string text = comment.substr(0, 127);
  std::string out;
  out += static_cast<char>(NFTNL_UDATA_RULE_COMMENT);
  out += static_cast<char>(text.size() + 1);
  return out + text + '\0';
}

// The byte order of keys and values, which nft needs to print them: port names and marks are in
// host order. Types are nft's (include/datatype.h); in a concatenation each has its own order.
std::string set_userdata(const SetSpec& spec) {
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
  const auto append = [&](std::uint8_t type, std::uint32_t value) {
    out += static_cast<char>(type);
    out += static_cast<char>(sizeof value);
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  append(NFTNL_UDATA_SET_KEYBYTEORDER, order(spec.key_type));
  if ((spec.flags & NFT_SET_MAP) != 0) append(NFTNL_UDATA_SET_DATABYTEORDER, order(spec.data_type));
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

// Appends one message: the header, and the payload of the change.
class MessageWriter {
 public:
  MessageWriter(NetlinkMessages& out, const TableName& table, bool last)
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
    const std::string userdata = set_userdata(c.spec);
    nftnl_set_set_data(set.get(), NFTNL_SET_USERDATA, userdata.data(),
                       static_cast<std::uint32_t>(userdata.size()));
    write(NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, [&](nlmsghdr* header) {
      // Any number that is unique within the batch.
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
      const std::string data = comment_userdata(added.comment);
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
      fill(nftnl_nlmsg_build_hdr(buffer, type, family_number(table_.family),
                                 static_cast<std::uint16_t>(flags | answer_), sequence));
    });
  }
  void one(const std::string& set, const Element& element, bool added) const {
    const Element* const all = &element;
    elements(set, {&all, 1}, added);
  }
  void table(std::uint16_t type, std::uint16_t flags) const {
    const TablePtr table = own<TablePtr>(nftnl_table_alloc());
    nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, table_.name.c_str());
    write(type, flags,
          [&](nlmsghdr* header) { nftnl_table_nlmsg_build_payload(header, table.get()); });
  }
  SetPtr named_set(const std::string& name) const {
    SetPtr set = own<SetPtr>(nftnl_set_alloc());
    nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table_.name.c_str());
    nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name.c_str());
    return set;
  }
  ChainPtr named_chain(const std::string& name) const {
    ChainPtr chain = own<ChainPtr>(nftnl_chain_alloc());
    nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table_.name.c_str());
    nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name.c_str());
    return chain;
  }
  RulePtr named_rule(const std::string& chain) const {
    RulePtr rule = own<RulePtr>(nftnl_rule_alloc());
    nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE, table_.name.c_str());
    nftnl_rule_set_str(rule.get(), NFTNL_RULE_CHAIN, chain.c_str());
    nftnl_rule_set_u32(rule.get(), NFTNL_RULE_FAMILY, family_number(table_.family));
    return rule;
  }

  NetlinkMessages& out_;
  const TableName& table_;
  std::uint16_t answer_;
};

}  // namespace

void put_begin(NetlinkMessages& out) {
  out.append([](char* buffer, std::uint32_t sequence) { nftnl_batch_begin(buffer, sequence); });
}

void put_end(NetlinkMessages& out) {
  out.append([](char* buffer, std::uint32_t sequence) { nftnl_batch_end(buffer, sequence); });
}

void put(NetlinkMessages& out, const TableName& table, const Change& change, bool last) {
  std::visit(MessageWriter(out, table, last), change);
}

void put_elements(NetlinkMessages& out, const TableName& table, const std::string& set,
                  const std::vector<const Element*>& elements, bool added, bool last) {
  MessageWriter(out, table, last).elements(set, elements, added);
}

void put_part(NetlinkMessages& out, const TableName& table, const Table& part) {
  bool answer = true;
  const auto put = [&] { return MessageWriter(out, table, std::exchange(answer, false)); };
  for (const auto& [name, spec] : part.sets) put()(AddSet{name, spec});
  for (const auto& [name, chain] : part.chains) put()(AddChain{name, chain.hook});
  // Elements refer to chains, and rules to both.
  for (const auto& [set, elements] : part.elements) {
    std::vector<const Element*> all;
    all.reserve(elements.size());
    for (const Element& element : elements) all.push_back(&element);
    for (std::span<const Element* const> left = all; !left.empty();) {
      const auto some = left.first(std::min(left.size(), kMaxElementsPerMessage));
      put().elements(set, some, true);
      left = left.subspan(some.size());
    }
  }
  for (const auto& [name, chain] : part.chains) {
    for (const Rule& rule : chain.rules) put().rule(name, rule);
  }
}

}  // namespace tenet::device::nft
