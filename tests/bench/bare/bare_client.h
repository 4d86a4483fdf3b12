// A client of plain gloox, as somebody writes it who only wants IQs: what the agents are measured
// against. It blocks.
#pragma once

#include <gloox/client.h>
#include <gloox/connectionlistener.h>
#include <gloox/iqhandler.h>
#include <gloox/stanzaextension.h>

#include <cstdint>
#include <functional>
#include <string>

namespace tenet::bench {

struct Account {
  std::string jid;  // with a resource
  std::string password;
  std::string host;
  int port = 0;
};

// <echo xmlns='urn:tenet:bench'/> with an element for each VM, like those of a batch.
class Echo final : public gloox::StanzaExtension {
 public:
  static constexpr int kType = gloox::ExtUser + 1;
  static constexpr const char* kNamespace = "urn:tenet:bench";

  explicit Echo(std::size_t vms = 0) : StanzaExtension(kType), vms_(vms) {}
  const std::string& filterString() const override;
  gloox::StanzaExtension* newInstance(const gloox::Tag* tag) const override;
  gloox::Tag* tag() const override;
  gloox::StanzaExtension* clone() const override { return new Echo(vms_); }

 private:
  std::size_t vms_ = 0;
};

class BareClient final : public gloox::ConnectionListener, public gloox::IqHandler {
 public:
  explicit BareClient(const Account& account);

  // Logs in. False if that fails.
  bool connect();
  // Answers requests, each with an empty echo, until the connection ends.
  void answer_all();
  // Sends `count` requests with `vms` VMs each, `window` of them at a time, and waits for all
  // answers. Returns how long each took, in nanoseconds; those that were answered with an error
  // are left out.
  std::vector<std::int64_t> ask(const std::string& peer, std::size_t count, std::size_t window,
                                std::size_t vms);

  void onConnect() override { online_ = true; }
  void onDisconnect(gloox::ConnectionError) override { ended_ = true; }
  bool onTLSConnect(const gloox::CertInfo&) override { return true; }
  bool handleIq(const gloox::IQ& iq) override;
  void handleIqID(const gloox::IQ& iq, int context) override;

 private:
  gloox::Client client_;
  bool online_ = false;
  bool ended_ = false;
  std::function<void(int, bool)> answered_;
};

}  // namespace tenet::bench
