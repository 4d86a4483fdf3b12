#include "common/xmpp/iq_router.h"

#include <optional>
#include <utility>

#include "common/protocol/names.h"
#include "common/protocol/refusal.h"
#include "common/xmpp/disco.h"

namespace tenet::xmpp {
namespace {

constexpr const char* kClient = "jabber:client";

std::string value(const Element& element, std::string_view name) {
  const std::string* v = element.attribute(name);
  return v != nullptr ? *v : std::string();
}

// RFC 6120 section 8.3.3, without a condition of ours.
Element stanza_error(const char* type, const char* condition) {
  Element out{"error", kClient};
  out.set("type", type);
  out.add(Element{condition, std::string(protocol::kStanzasNamespace)});
  return out;
}

}  // namespace

// What the Responders of one connection share: a way out, until the connection is gone.
struct IqRouter::Link {
  Send send;
};

class IqRouter::Answer : public Responder {
 public:
  Answer(std::weak_ptr<Link> link, std::string to, std::string id)
      : link_(std::move(link)), to_(std::move(to)), id_(std::move(id)) {}

  void result(Element payload) override {
    std::optional<Element> child;
    if (!payload.name.empty()) child = std::move(payload);
    reply("result", std::move(child));
  }
  void error(const Error& error) override { reply("error", protocol::to_element(error, kClient)); }
  void error(Element stanza_error) override { reply("error", std::move(stanza_error)); }
  void refuse(const char* type, const char* condition) {
    reply("error", stanza_error(type, condition));
  }

 private:
  void reply(const char* type, std::optional<Element> child) {
    const auto link = std::exchange(link_, {}).lock();
    if (!link) return;
    Element iq = envelope(type);
    if (child) iq.add(std::move(*child));
    const auto sent = link->send(iq);
    if (sent) return;
    Element instead = envelope("error");
    instead.add(protocol::to_element(sent.error(), kClient));
    (void)link->send(instead);  // an error is small
  }

  Element envelope(const char* type) const {
    Element iq{"iq", kClient};
    iq.set("type", type);
    if (!id_.empty()) iq.set("id", id_);
    if (!to_.empty()) iq.set("to", to_);
    return iq;
  }

  std::weak_ptr<Link> link_;
  std::string to_;
  std::string id_;
};

IqRouter::IqRouter(const SessionOptions& options, Send send)
    : self_(options.jid),
      category_(options.client_category),
      type_(options.client_type),
      name_(options.client_name),
      send_(std::move(send)),
      link_(std::make_shared<Link>(Link{send_})) {}

void IqRouter::serve(std::string xmlns, Session::Service service) {
  services_[std::move(xmlns)] = std::move(service);
}

void IqRouter::serve_items(std::string node, Session::Items items) {
  items_[std::move(node)] = std::move(items);
}

void IqRouter::disconnected() {
  link_ = std::make_shared<Link>(Link{send_});
}

Element IqRouter::info() const {
  std::vector<std::string> features;
  for (const std::string_view own :
       {kDiscoInfo, kDiscoItems, kCaps, kPing, protocol::kDataFormsNamespace}) {
    features.emplace_back(own);
  }
  for (const auto& [xmlns, service] : services_) features.push_back(xmlns);
  for (const auto& [node, items] : items_) features.push_back(node);
  return disco_info(category_, type_, name_, std::move(features));
}

Element IqRouter::caps() const {
  return xmpp::caps(std::string(protocol::kNamespace), info());
}

void IqRouter::handle(const Element& iq) {
  const std::string from_text = value(iq, "from");
  const std::string id = value(iq, "id");
  const std::string type = value(iq, "type");
  const auto answer = std::make_shared<Answer>(link_, from_text, id);
  // Without `from` it comes from our own account (RFC 6120 section 8.1.2.1).
  const auto from = from_text.empty() ? Result<Jid>(self_.bare()) : Jid::parse(from_text);
  if (!from) return answer->refuse("modify", "jid-malformed");
  if (id.empty() || (type != "get" && type != "set") || iq.children.size() != 1) {
    return answer->refuse("modify", "bad-request");
  }
  IncomingIq request{*from, type == "get" ? IqType::get : IqType::set, id, iq.children[0]};
  const std::string& xmlns = request.payload.xmlns;
  if (const auto it = services_.find(xmlns); it != services_.end()) {
    const auto service = it->second;  // a copy: it may call serve()
    return service(std::move(request), answer);
  }
  if (request.type == IqType::get && xmlns == kPing && request.payload.name == "ping") {
    return answer->result(Element{});
  }
  if (request.type == IqType::get && xmlns == kDiscoInfo) return answer_info(request, *answer);
  if (request.type == IqType::get && xmlns == kDiscoItems) return answer_items(request, *answer);
  answer->refuse("cancel", "service-unavailable");
}

void IqRouter::answer_info(const IncomingIq& iq, Answer& answer) const {
  const std::string node = value(iq.payload, "node");
  const Element own = info();
  const auto with_node = [&](Element element) {
    element.set("node", node);
    answer.result(std::move(element));
  };
  if (node.empty()) return answer.result(own);
  if (node == std::string(protocol::kNamespace) + "#" + caps_hash(own)) return with_node(own);
  if (items_.contains(node)) {
    return with_node(disco_info("automation", "command-list", name_, {node}));
  }
  // A command (XEP-0050 section 2.3), if the asker may see it.
  for (const auto& [list, items] : items_) {
    for (const DiscoItem& item : items(iq.from)) {
      if (item.node != node) continue;
      return with_node(disco_info("automation", "command-node", item.name,
                                  {list, std::string(protocol::kDataFormsNamespace)}));
    }
  }
  answer.refuse("cancel", "item-not-found");
}

void IqRouter::answer_items(const IncomingIq& iq, Answer& answer) const {
  const std::string node = value(iq.payload, "node");
  Element out{"query", std::string(kDiscoItems)};
  if (!node.empty()) {
    const auto it = items_.find(node);
    if (it == items_.end()) return answer.refuse("cancel", "item-not-found");
    out.set("node", node);
    for (const DiscoItem& item : it->second(iq.from)) {
      Element& child = out.add("item");
      child.set("jid", item.jid.text()).set("node", item.node).set("name", item.name);
    }
  }
  answer.result(std::move(out));
}

}  // namespace tenet::xmpp
