#include "common/net/resolver.h"

#include <ares.h>
#include <arpa/nameser.h>

#include <asio/ip/address.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <map>

#include "common/core/text.h"
#include "common/net/random.h"
#include "common/net/srv.h"

namespace tenet::net {
namespace {

constexpr int kTimeoutMs = 1500;  // per try, doubled by c-ares with each
constexpr int kTries = 2;

std::uint32_t draw(std::uint32_t most) {
  return static_cast<std::uint32_t>(random_bits() % (std::uint64_t{most} + 1));
}

// One of the two queries; outlives neither the channel nor the look-up.
struct Query {
  std::vector<SrvRecord>* records;
  int* pending;
  TlsMode tls;
};

void on_answer(void* arg, int status, int, unsigned char* answer, int size) {
  auto* query = static_cast<Query*>(arg);
  --*query->pending;
  ares_srv_reply* list = nullptr;
  if (status != ARES_SUCCESS || ares_parse_srv_reply(answer, size, &list) != ARES_SUCCESS) return;
  for (const ares_srv_reply* r = list; r != nullptr; r = r->next) {
    std::string target = r->host;
    if (target.ends_with('.')) target.pop_back();
    query->records->push_back({r->priority, r->weight, r->port, std::move(target), query->tls});
  }
  ares_free_data(list);
}

}  // namespace

// One look-up: a c-ares channel, and the waits for its sockets.
struct Resolver::Lookup : std::enable_shared_from_this<Resolver::Lookup> {
  struct Watch {
    asio::posix::stream_descriptor descriptor;
    bool read = false;  // c-ares wants to hear of it
    bool write = false;
    bool reading = false;  // and we are waiting
    bool writing = false;
  };

  Lookup(asio::io_context& context, std::string name, Done continuation)
      : io(context), timer(context), domain(std::move(name)), done(std::move(continuation)) {}
  ~Lookup() {
    closing = true;
    if (channel != nullptr) ares_destroy(channel);
    for (auto& [fd, watch] : watches) watch->descriptor.release();
  }
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

  bool open(const std::vector<std::string>& nameservers);
  void ask();
  void process(ares_socket_t readable, ares_socket_t writable);
  void socket_state(ares_socket_t fd, bool read, bool write);
  void wait(ares_socket_t fd, const std::shared_ptr<Watch>& watch);
  void finish(Result<std::vector<Broker>> result);

  asio::io_context& io;
  asio::steady_timer timer;
  std::string domain;
  Done done;
  ares_channel channel = nullptr;
  std::map<ares_socket_t, std::shared_ptr<Watch>> watches;
  std::vector<SrvRecord> records;
  int pending = 2;
  bool closing = false;
  Query queries[2] = {{&records, &pending, TlsMode::starttls},
                      {&records, &pending, TlsMode::direct}};
};

bool Resolver::Lookup::open(const std::vector<std::string>& nameservers) {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  ares_options options{};
  options.timeout = kTimeoutMs;
  options.tries = kTries;
  options.sock_state_cb_data = this;
  options.sock_state_cb = [](void* self, ares_socket_t fd, int read, int write) {
    static_cast<Lookup*>(self)->socket_state(fd, read != 0, write != 0);
  };
  const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  if (library != ARES_SUCCESS || ares_init_options(&channel, &options, mask) != ARES_SUCCESS) {
    return false;
  }
  std::string list;
  for (const std::string& server : nameservers) list += (list.empty() ? "" : ",") + server;
  return list.empty() || ares_set_servers_ports_csv(channel, list.c_str()) == ARES_SUCCESS;
}

void Resolver::Lookup::ask() {
  const char* services[] = {"_xmpp-client._tcp.", "_xmpps-client._tcp."};
  for (int i = 0; i < 2; ++i) {
    ares_query(channel, (services[i] + domain).c_str(), C_IN, T_SRV, on_answer, &queries[i]);
  }
  process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

void Resolver::Lookup::process(ares_socket_t readable, ares_socket_t writable) {
  if (!done) return;
  ares_process_fd(channel, readable, writable);
  if (pending == 0) {
    finish(brokers_of(domain, std::move(records), draw));
    return;
  }
  timeval most{60, 0};
  timeval left{};
  ares_timeout(channel, &most, &left);
  timer.expires_after(std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec));
  timer.async_wait([weak = weak_from_this()](const asio::error_code& error) {
    const auto self = weak.lock();
    if (!error && self) self->process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  });
}

void Resolver::Lookup::socket_state(ares_socket_t fd, bool read, bool write) {
  auto it = watches.find(fd);
  if (!read && !write) {
    if (it == watches.end()) return;
    it->second->descriptor.release();  // c-ares closes it
    it->second->read = it->second->write = false;
    watches.erase(it);
    return;
  }
  if (closing) return;
  if (it == watches.end()) {
    auto watch = std::make_shared<Watch>(Watch{asio::posix::stream_descriptor(io, fd)});
    it = watches.emplace(fd, std::move(watch)).first;
  }
  it->second->read = read;
  it->second->write = write;
  wait(fd, it->second);
}

void Resolver::Lookup::wait(ares_socket_t fd, const std::shared_ptr<Watch>& watch) {
  using Descriptor = asio::posix::stream_descriptor;
  const auto arm = [&](bool Watch::*wanted, bool Watch::*waiting, Descriptor::wait_type type) {
    if (!((*watch).*wanted) || (*watch).*waiting) return;
    (*watch).*waiting = true;
    watch->descriptor.async_wait(type, [weak = weak_from_this(), watch, fd, wanted, waiting,
                                        type](const asio::error_code& error) {
      (*watch).*waiting = false;
      const auto self = weak.lock();
      if (error || !self || !((*watch).*wanted)) return;
      const bool reads = type == Descriptor::wait_read;
      self->process(reads ? fd : ARES_SOCKET_BAD, reads ? ARES_SOCKET_BAD : fd);
      // Still open, and still of interest? c-ares says so only when that changes.
      if ((*watch).*wanted && self->done) self->wait(fd, watch);
    });
  };
  arm(&Watch::read, &Watch::reading, Descriptor::wait_read);
  arm(&Watch::write, &Watch::writing, Descriptor::wait_write);
}

void Resolver::Lookup::finish(Result<std::vector<Broker>> result) {
  timer.cancel();
  asio::post(io, [weak = weak_from_this(), result = std::move(result)]() mutable {
    const auto self = weak.lock();
    if (self) std::exchange(self->done, nullptr)(std::move(result));
  });
}

Resolver::Resolver(asio::io_context& io, std::vector<std::string> nameservers)
    : io_(io), nameservers_(std::move(nameservers)) {}

Resolver::~Resolver() = default;

void Resolver::find(const std::string& domain, Done done) {
  lookup_ = std::make_shared<Lookup>(io_, domain, std::move(done));
  asio::error_code not_an_address;
  asio::ip::make_address(domain, not_an_address);
  if (!not_an_address) {
    lookup_->finish(brokers_of(domain, {}, draw));
  } else if (!lookup_->open(nameservers_)) {
    lookup_->finish(fail(Code::configuration, "cannot use the nameservers " +
                                                  join(nameservers_, ", ") +
                                                  ": write each as ADDRESS or ADDRESS:port"));
  } else {
    lookup_->ask();
  }
}

}  // namespace tenet::net
