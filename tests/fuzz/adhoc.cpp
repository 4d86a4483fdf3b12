// An operator's client that sends anything: each request to either agent's commands is answered
// once, with what XML can carry, and forms read as they were written.
#include "common/xmpp/adhoc.h"

#include <asio/io_context.hpp>

#include "common/protocol/xml_text.h"
#include "common/xmpp/data_form.h"
#include "common/xmpp/jid.h"
#include "common/xmpp/xml.h"
#include "device-agent/device_commands.h"
#include "server-agent/sources/operators/commands.h"
#include "tests/fuzz/target.h"
#include "tests/support/small_world.h"

namespace tenet::fuzz {
namespace {

using namespace tenet::testing;

// Keeps the one answer.
class Keeper : public xmpp::Responder {
 public:
  void result(Element payload) override { keep(std::move(payload)); }
  void error(const Error& error) override {
    require(!error.text.empty(), "an error says why");
    keep(Element{"error", "jabber:client"});
  }
  void error(Element stanza_error) override { keep(std::move(stanza_error)); }

  std::size_t answers = 0;
  Element answer;

 private:
  void keep(Element payload) {
    ++answers;
    answer = std::move(payload);
    const std::string sent = xmpp::to_xml(answer);
    require(protocol::parse_xml(sent).has_value(), "what is answered is XML", sent);
  }
};

void check_form(const Element& element) {
  const auto form = xmpp::parse_form(element);
  if (!form) return;
  const Element written = xmpp::to_element(*form);
  const auto again = xmpp::parse_form(written);
  require(again.has_value() && xmpp::to_element(*again) == written,
          "a form reads as it was written", xmpp::to_xml(written));
  require(xmpp::values_of(*again) == xmpp::values_of(*form), "and so do its values");
}

// A device with something on it, and a server with something in mind.
struct World {
  asio::io_context io;
  device::DeviceCore device{limits()};
  server::ServerCore server{{.epoch = 1, .devices = {PeerId("d1@x.example/device-agent")}}, {}};
  xmpp::Session session{io, {.jid = *xmpp::Jid::parse("agent@x.example/agent")}, {}};
  std::uint64_t command = 0;
  xmpp::AdhocCommands device_commands;
  xmpp::AdhocCommands server_commands;

  World()
      : device_commands(
            session,
            device::device_commands({device, [] { return std::vector<device::Lease>(); },
                                     [] { return std::vector<std::string>{"a bridge"}; }}),
            may_run),
        server_commands(
            session,
            server::operator_commands(server,
                                      [this](server::Command what, const std::string& called,
                                             const server::CommandReply& reply) {
                                        submit(std::move(what), called, reply);
                                      }),
            may_run) {
    Random random(5);
    for (std::uint64_t i = 1; i <= 12; ++i) {
      const Batch batch{{1, i}, random_operations(random, 6)};
      require(device.batch(servers()[i % servers().size()], batch, kStart).has_value(), "applied");
    }
  }

 private:
  static bool may_run(const PeerId& account, command::Permission) {
    return account == PeerId("admin@x.example");
  }

  // Devices never answer here.
  void submit(server::Command what, const std::string& called, const server::CommandReply& reply) {
    require(!called.empty(), "a command has a text");
    server.command(++command, std::move(what));
    server.command_deadline(command);
    for (const auto& [id, result] : server.take().answers) reply(result);
  }
};

// Requests are separated by NUL, which no XML holds.
void run_session(World& world, std::string_view text, bool with_device) {
  std::string session;
  while (!text.empty()) {
    const auto end = text.find('\0');
    const auto request = protocol::parse_xml(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!request) continue;
    Element payload = *request;
    for (const Element& child : payload.children) check_form(child);
    check_form(payload);
    // The conversation that is open is called S.
    for (Attribute& a : payload.attributes) {
      if (a.name == "sessionid" && a.value == "S") a.value = session;
    }
    const xmpp::Jid from = *xmpp::Jid::parse("admin@x.example/desk");
    const auto keeper = std::make_shared<Keeper>();
    (with_device ? world.device_commands : world.server_commands)
        .handle({from, xmpp::IqType::set, "1", payload}, keeper);
    require(keeper->answers == 1, "a request has one answer", xmpp::to_xml(payload));
    for (const Element& child : keeper->answer.children) check_form(child);
    const std::string* opened = keeper->answer.attribute("sessionid");
    if (opened != nullptr) session = *opened;
  }
}

}  // namespace
}  // namespace tenet::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenet::fuzz;
  if (size == 0) return 0;
  World world;
  run_session(world, text_of(data + 1, size - 1), (data[0] & 1) != 0);
  return 0;
}
