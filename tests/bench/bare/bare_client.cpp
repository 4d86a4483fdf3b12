#include "tests/bench/bare/bare_client.h"

#include <gloox/tag.h>

#include <chrono>

namespace tenet::bench {

using std::chrono::steady_clock;

const std::string& Echo::filterString() const {
  static const std::string kFilter = "/iq/echo[@xmlns='" + std::string(kNamespace) + "']";
  return kFilter;
}

// What it carries is not looked at.
gloox::StanzaExtension* Echo::newInstance(const gloox::Tag*) const {
  return new Echo;
}

gloox::Tag* Echo::tag() const {
  auto* out = new gloox::Tag("echo");
  out->setXmlns(kNamespace);
  for (std::size_t i = 0; i < vms_; ++i) {
    const std::string number = std::to_string(i);
    auto* associate = new gloox::Tag(out, "associate");
    associate->addAttribute("vnid", "1042");
    associate->addAttribute(
        "vm", "instance-" + std::string(8 - std::min<std::size_t>(8, number.size()), '0') + number);
    associate->addAttribute("mac", "02:00:00:00:12:34");
    associate->addAttribute("ip", "10.0.18.52");
  }
  return out;
}

BareClient::BareClient(const Account& account)
    : client_(gloox::JID(account.jid), account.password, account.port) {
  client_.setServer(account.host);
  client_.disableRoster();
  client_.setCompression(false);
  client_.setTls(gloox::TLSRequired);
  // Both: gloox derives the GS2 header from the set, and Prosody checks that.
  client_.setSASLMechanisms(gloox::SaslMechScramSha1 | gloox::SaslMechScramSha1Plus);
  client_.registerConnectionListener(this);
  client_.registerStanzaExtension(new Echo);
  client_.registerIqHandler(this, Echo::kType);
}

bool BareClient::connect() {
  if (!client_.connect(false)) return false;
  while (!online_ && !ended_) client_.recv(-1);
  return online_;
}

void BareClient::answer_all() {
  while (!ended_) client_.recv(-1);
}

std::vector<std::int64_t> BareClient::ask(const std::string& peer, std::size_t count,
                                          std::size_t window, std::size_t vms) {
  std::vector<steady_clock::time_point> begun(count);
  std::vector<std::int64_t> took;
  std::size_t sent = 0;
  std::size_t done = 0;
  const auto send = [&] {
    gloox::IQ iq(gloox::IQ::Set, gloox::JID(peer), client_.getID());
    iq.addExtension(new Echo(vms));
    begun[sent] = steady_clock::now();
    client_.send(iq, this, static_cast<int>(sent));
    ++sent;
  };
  answered_ = [&](int number, bool result) {
    const auto since = begun[static_cast<std::size_t>(number)];
    if (result) took.push_back(std::chrono::nanoseconds(steady_clock::now() - since).count());
    ++done;
    if (sent < count) send();
  };
  while (sent < std::min(window, count)) send();
  while (done < count && !ended_) client_.recv(-1);
  return took;
}

bool BareClient::handleIq(const gloox::IQ& iq) {
  gloox::IQ answer(gloox::IQ::Result, iq.from(), iq.id());
  answer.addExtension(new Echo);
  client_.send(answer);
  return true;
}

void BareClient::handleIqID(const gloox::IQ& iq, int context) {
  answered_(context, iq.subtype() == gloox::IQ::Result);
}

}  // namespace tenet::bench
