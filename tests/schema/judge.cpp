// tenet-judge: tells of XML documents whether the codec takes them. What agree.py compares with the
// judgement of the schema. Reads files named on the command line, or a document per line.
//
// Answers need the request that they answer. A judge has none, and makes the one request that the
// answer could be for; what then remains to be judged is the answer by itself.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <limits>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/text.h"
#include "common/protocol/codec.h"
#include "common/protocol/names.h"
#include "common/protocol/refusal.h"
#include "common/protocol/xml_text.h"
#include "common/xmpp/jid.h"

namespace tenet {
namespace {

using Verdict = std::optional<Error>;  // nothing: valid

template <class T>
Verdict verdict(const Result<T>& result) {
  return result ? std::nullopt : Verdict(result.error());
}

// More operations than any batch holds; beyond it no request is made up.
constexpr std::uint64_t kMaxOperations = 999'999;

std::uint64_t number_in(const Element& element, std::string_view attribute) {
  const std::string* text = element.attribute(attribute);
  return text == nullptr
             ? 0
             : parse_unsigned(*text, std::numeric_limits<std::uint64_t>::max()).value_or(0);
}

// The highest number that an answer names.
std::uint64_t operations_in(const Element& answer) {
  std::uint64_t highest = 0;
  for (const Element& child : answer.children) {
    const std::string* ranges = child.attribute("operations");
    if (ranges == nullptr) continue;
    for (const std::string_view word : split_words(*ranges)) {
      for (const std::string_view piece : split(word, '-')) {
        const auto number = parse_unsigned(piece, std::numeric_limits<std::uint64_t>::max());
        highest = std::max(highest, number.value_or(0));
      }
    }
  }
  return highest;
}

Verdict judge_batch_answer(const Element& element) {
  const std::uint64_t count = operations_in(element);
  if (count > kMaxOperations) return Error{Code::invalid, "no batch has so many operations"};
  Batch request{{number_in(element, "epoch"), number_in(element, "seq")}, {}};
  request.operations.resize(count, PolicyWithdraw{});
  return verdict(protocol::parse_answer(element, request, xmpp::parse_peer));
}

Verdict judge_compare_answer(const Element& element) {
  Compare request;
  for (const Element& node : element.children) {
    NodeQuery query;
    if (const std::string* text = node.attribute("vnid")) {
      const auto vnid = Vnid::parse(*text);
      if (!vnid) return vnid.error();
      query.vnid = *vnid;
    }
    if (const std::string* path = node.attribute("path")) query.path = *path;
    request.nodes.push_back(std::move(query));
  }
  if (request.nodes.empty() || request.nodes.size() > Compare::kMaxNodes) {
    return Error{Code::invalid, "no request asks for so many nodes"};
  }
  return verdict(protocol::parse_answer(element, request, xmpp::parse_peer));
}

// A condition stands inside an error: the codec takes it if it knows the code.
Verdict judge_condition(const Element& element) {
  Element error{"error", "jabber:client"};
  error.set("type", "cancel");
  error.add(element);
  if (code_name(protocol::error_from(error).code) == element.name) return std::nullopt;
  return Error{Code::invalid, "the element " + element.name + " is unknown"};
}

// Requests and answers share names. Whichever takes the document, it is valid; if neither does, the
// complaint is that of the one which it looks like.
Verdict judge(const Element& element) {
  if (element.name == "policy") return verdict(Policy::parse(element));
  if (element.xmlns != protocol::kNamespace) {
    return Error{Code::invalid, "the namespace is not ours"};
  }
  if (element.name == "network") {
    Verdict request = verdict(protocol::parse_network_query(element));
    if (!request || element.children.empty()) return request;
    return verdict(protocol::parse_network_answer(element));
  }
  Verdict request = verdict(protocol::parse_request(element, xmpp::parse_peer));
  if (!request) return request;
  if (element.name == "hello") {
    if (element.attribute("root") == nullptr) return request;
    return verdict(protocol::parse_answer(element, Hello{}, xmpp::parse_peer));
  }
  if (element.name == "batch") {
    const bool is_answer = element.child("done") != nullptr || element.child("refused") != nullptr;
    return is_answer ? judge_batch_answer(element) : request;
  }
  if (element.name == "digests") return judge_compare_answer(element);
  if (element.name == "synced")
    return verdict(protocol::parse_answer(element, Synced{}, xmpp::parse_peer));
  return judge_condition(element);
}

Verdict judge(std::string_view text) {
  const auto element = protocol::parse_xml(text);
  if (!element) return element.error();
  return judge(*element);
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

void tell(const std::string& name, const Verdict& verdict) {
  if (verdict) {
    std::cout << name << ": invalid: " << one_line(verdict->text) << '\n';
  } else {
    std::cout << name << ": valid\n";
  }
}

std::optional<std::string> contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

int usage() {
  std::cerr
      << "usage: tenet-judge FILE...          judges each file\n"
         "       tenet-judge --lines FILE     judges each line of the file\n"
         "Prints 'NAME: valid' or 'NAME: invalid: WHY' for each document; the name of a line\n"
         "is its number. Ends with 0 whatever the judgements, with 2 if a file is missing.\n";
  return 2;
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return usage();
  if (arguments.front() == "--lines") {
    if (arguments.size() != 2) return usage();
    std::ifstream file(arguments[1], std::ios::binary);
    if (!file) {
      std::cerr << "cannot read " << arguments[1] << '\n';
      return 2;
    }
    std::size_t number = 0;
    for (std::string line; std::getline(file, line);) {
      tell(std::to_string(++number), judge(std::string_view(line)));
    }
    return 0;
  }
  for (const std::string& path : arguments) {
    const auto text = contents(path);
    if (!text) {
      std::cerr << "cannot read " << path << '\n';
      return 2;
    }
    tell(path, judge(std::string_view(*text)));
  }
  return 0;
}

}  // namespace
}  // namespace tenet

int main(int argc, char** argv) {
  return tenet::run({argv + 1, argv + argc});
}
