// Finds the brokers of a domain in the DNS, by c-ares on Asio.
#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/core/error.h"
#include "common/net/broker.h"

namespace tenet::net {

class Resolver {
 public:
  using Done = std::function<void(Result<std::vector<Broker>>)>;

  // `nameservers`: ADDRESS or ADDRESS:port each; empty: those of the system.
  Resolver(asio::io_context& io, std::vector<std::string> nameservers);
  ~Resolver();  // forgets a look-up that is under way
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Asks for the SRV records _xmpp-client._tcp (RFC 6120 section 3.2) and _xmpps-client._tcp
  // (XEP-0368) of `domain` and calls `done` once, never from within find(), in a few seconds at
  // most. A DNS that fails counts as one without records. A second find() replaces the first.
  // Errors: not_found, see brokers_of(); configuration if a nameserver cannot be used.
  void find(const std::string& domain, Done done);

 private:
  struct Lookup;
  asio::io_context& io_;
  std::vector<std::string> nameservers_;
  std::shared_ptr<Lookup> lookup_;
};

}  // namespace tenet::net
