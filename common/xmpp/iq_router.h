// Who answers an IQ request: the services of the program, or service discovery and ping here.
// Knows Elements only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/core/element.h"
#include "common/xmpp/session.h"

namespace tenet::xmpp {

class IqRouter {
 public:
  // Errors: no-resources, if the stanza is too large; then nothing was sent.
  using Send = std::function<Result<void>(const Element& stanza)>;

  // `options` for our JID and identity; `send` takes the answers.
  IqRouter(const SessionOptions& options, Send send);

  void serve(std::string xmlns, Session::Service service);
  void serve_items(std::string node, Session::Items items);

  // Answers an <iq/> of type get or set, now or through a Responder: unknown payloads with
  // service-unavailable, malformed ones with bad-request (RFC 6120 sections 8.2.3 and 8.4).
  void handle(const Element& iq);
  // Responders given out so far go dead: the connection is gone.
  void disconnected();
  // <c/> for our presence.
  Element caps() const;

 private:
  struct Link;
  class Answer;

  Element info() const;
  void answer_items(const IncomingIq& iq, Answer& answer) const;
  void answer_info(const IncomingIq& iq, Answer& answer) const;

  Jid self_;
  std::string category_;
  std::string type_;
  std::string name_;
  Send send_;
  std::shared_ptr<Link> link_;  // of the current connection
  std::map<std::string, Session::Service> services_;
  std::map<std::string, Session::Items> items_;
};

}  // namespace tenet::xmpp
