// Documents and messages: what is accepted reads the same after it was written, by either writer.
#include <algorithm>

#include "common/core/text.h"
#include "common/protocol/codec.h"
#include "common/protocol/names.h"
#include "common/protocol/refusal.h"
#include "common/protocol/xml_text.h"
#include "common/xmpp/jid.h"
#include "common/xmpp/xml.h"
#include "tests/fuzz/target.h"

namespace tenet::fuzz {
namespace {

using protocol::XmlLayout;

// White space that XML does not bring back as it was: only white space, and tabs and carriage
// returns.
bool has_odd_space(const Element& element) {
  constexpr std::string_view kOdd = "\t\r";
  if (element.text.find_first_of(kOdd) != std::string::npos) return true;
  if (element.xmlns.find_first_of("\t\r\n") != std::string::npos) return true;
  if (!element.text.empty() && split_words(element.text).empty()) return true;
  return std::any_of(element.attributes.begin(), element.attributes.end(),
                     [&](const Attribute& a) {
                       return a.value.find_first_of("\t\r\n") != std::string::npos;
                     }) ||
         std::any_of(element.children.begin(), element.children.end(), has_odd_space);
}

// The element as a peer reads it, after both writers.
Element through_text(const Element& element) {
  const std::string stored = protocol::format_xml(element, XmlLayout::one_line);
  const auto read = protocol::parse_xml(stored);
  require(read.has_value(), "stored text can be read", stored);
  const std::string sent = xmpp::to_xml(element);
  const auto received = protocol::parse_xml(sent);
  require(received.has_value(), "sent text can be read", sent);
  if (has_odd_space(element)) return *received;
  require(*read == element, "stored text reads as it was", stored);
  require(*received == element, "sent text reads as it was", sent);
  return *received;
}

void check_policy(const Policy& policy) {
  const std::string text = protocol::format_policy(policy);
  const auto again = protocol::parse_policy(text);
  require(again.has_value() && **again == policy, "a policy reads as it was written", text);
  require((*again)->entries() == policy.entries(), "entries read as they were written", text);
  require((*again)->compile() == policy.compile(), "equal policies have equal intents", text);
}

void check_operation(const Operation& operation) {
  const std::string sent = xmpp::to_xml(protocol::to_element(operation), protocol::kNamespace);
  require(sent.size() <= wire_bytes(operation), "an operation is as large as told", sent);
  require(!text(operation).empty(), "an operation has a text", sent);
  if (const auto* sync = std::get_if<PolicySync>(&operation)) check_policy(*sync->policy);
  if (const auto* update = std::get_if<PolicyUpdate>(&operation)) check_policy(*update->policy);
  const auto* associate = std::get_if<Associate>(&operation);
  if (associate != nullptr && associate->policy) check_policy(*associate->policy);
}

void check_request(const Element& element) {
  const auto request = protocol::parse_request(element, xmpp::parse_peer);
  if (!request) {
    require(!request.error().text.empty(), "a refusal says why");
    return;
  }
  const Element written = protocol::to_element(*request);
  const auto again = protocol::parse_request(through_text(written), xmpp::parse_peer);
  require(again.has_value() && protocol::to_element(*again) == written,
          "a request reads as it was written", xmpp::to_xml(written));
  const auto* batch = std::get_if<Batch>(&*request);
  if (batch == nullptr) return;
  for (const Operation& operation : batch->operations) check_operation(operation);
}

void check_network(const Element& element) {
  if (const auto query = protocol::parse_network_query(element)) {
    const Element written = protocol::to_element(*query);
    const auto again = protocol::parse_network_query(through_text(written));
    require(again.has_value() && again->vnid == query->vnid && again->vm == query->vm,
            "a query reads as it was written", xmpp::to_xml(written));
  }
  if (const auto answer = protocol::parse_network_answer(element)) {
    const Element written = protocol::to_element(*answer);
    const auto again = protocol::parse_network_answer(through_text(written));
    require(again.has_value() && *again->policy == *answer->policy &&
                (again->vm ? answer->vm && *again->vm == *answer->vm : !answer->vm),
            "a network reads as it was written", xmpp::to_xml(written));
    check_policy(*answer->policy);
  }
}

std::string attribute(const Element& element, std::string_view name) {
  const std::string* value = element.attribute(name);
  return value == nullptr ? std::string() : *value;
}

std::uint64_t number(const std::string& text) {
  return std::strtoull(text.c_str(), nullptr, 10);
}

// The request that the answer might belong to.
Request request_for(const Element& answer) {
  if (answer.name == "hello") return Hello{};
  if (answer.name == "synced") return Synced{};
  if (answer.name == "digests") {
    Compare out;
    for (const Element& child : answer.children) {
      NodeQuery query{std::nullopt, attribute(child, "path")};
      if (const auto vnid = Vnid::parse(attribute(child, "vnid"))) query.vnid = *vnid;
      out.nodes.push_back(std::move(query));
    }
    return out;
  }
  Batch out{{number(attribute(answer, "epoch")), number(attribute(answer, "seq"))}, {}};
  std::uint64_t last = 0;  // the largest number among the ranges
  for (const Element& child : answer.children) {
    const std::string ranges = attribute(child, "operations");
    for (std::size_t at = 0; at < ranges.size();) {
      last = std::max(last, number(ranges.substr(at)));
      at = ranges.find_first_of(" -", at);
      at = at == std::string::npos ? ranges.size() : at + 1;
    }
  }
  out.operations.resize(std::min<std::uint64_t>(last, 300), PolicyWithdraw{});
  return out;
}

void check_answer(const Element& element) {
  const Request request = request_for(element);
  const auto answer = protocol::parse_answer(element, request, xmpp::parse_peer);
  if (!answer) return;
  if (const auto* batch = std::get_if<BatchAnswer>(&*answer)) {
    require(batch->results.size() == std::get<Batch>(request).operations.size(),
            "each operation has its answer");
  }
  const Element written = protocol::to_element(*answer);
  const std::string text = xmpp::to_xml(written);
  const auto again = protocol::parse_answer(through_text(written), request, xmpp::parse_peer);
  require(again.has_value(), "an answer can be read", text);
  // Large ones were shortened.
  constexpr std::size_t kWhole = 16'384;
  require(text.size() > kWhole || has_odd_space(written) || protocol::to_element(*again) == written,
          "an answer reads as it was written", text);
}

void check_error(const Element& element) {
  const Error error = protocol::error_from(element);
  const Element written = protocol::to_element(error, element.xmlns);
  const Error again = protocol::error_from(through_text(written));
  require(has_odd_space(written) || again == error, "an error reads as it was written",
          describe(error));
}

}  // namespace
}  // namespace tenet::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenet;
  const std::string_view text = fuzz::text_of(data, size);
  const auto element = protocol::parse_xml(text);
  if (!element) {
    fuzz::require(!element.error().text.empty(), "a refusal says why");
    return 0;
  }
  const std::string stored = protocol::format_xml(*element, protocol::XmlLayout::one_line);
  fuzz::require(protocol::parse_xml(stored).has_value(), "stored text can be read", stored);
  if (const auto policy = protocol::parse_policy(text)) fuzz::check_policy(**policy);
  fuzz::check_request(*element);
  fuzz::check_network(*element);
  fuzz::check_answer(*element);
  fuzz::check_error(*element);
  return 0;
}
