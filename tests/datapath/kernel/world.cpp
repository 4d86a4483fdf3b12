#include "tests/datapath/kernel/world.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace tenet::testing {

void enter_namespace() {
  static const bool kEntered = [] {
    if (::unshare(CLONE_NEWNET) != 0) {
      std::perror("the datapath tests need root: a network namespace of their own");
      std::exit(1);
    }
    run("ip link set lo up");
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0) std::perror("sched_setaffinity");
    return true;
  }();
  static_cast<void>(kEntered);
}

void run(const std::string& command) {
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

std::string output(const std::string& command) {
  std::string out;
  FILE* pipe = ::popen(command.c_str(), "r");
  std::array<char, 4096> buffer{};
  for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    out.append(buffer.data(), n);
  }
  EXPECT_EQ(::pclose(pipe), 0) << command;
  return out;
}

FarEnd::FarEnd(const std::string& link)
    : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL))) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(link.c_str()));
  const int size = 1 << 24;
  EXPECT_EQ(::setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size), 0);
  EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << link;
}

FarEnd::~FarEnd() {
  ::close(fd_);
}

void FarEnd::send(const std::string& frame) const {
  EXPECT_EQ(::send(fd_, frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
}

void FarEnd::wait(int milliseconds) const {
  pollfd ready{fd_, POLLIN, 0};
  static_cast<void>(::poll(&ready, 1, milliseconds));
}

std::vector<std::string> FarEnd::received() const {
  std::vector<std::string> out;
  std::array<char, 65536> buffer{};
  while (true) {
    sockaddr_ll from{};
    socklen_t length = sizeof from;
    const ssize_t size = ::recvfrom(fd_, buffer.data(), buffer.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 0) return out;
    if (from.sll_pkttype != PACKET_OUTGOING) {
      out.emplace_back(buffer.data(), static_cast<std::size_t>(size));
    }
  }
}

namespace {

// Creates both ends of a port, and sets them up.
void add_port(const std::string& port, const std::string& place) {
  std::string command = "ip link add PORT type veth peer name far-PORT && ip link set PORT ";
  command += place + " up && ip link set far-PORT up";
  for (std::size_t at = 0; (at = command.find("PORT")) != std::string::npos;) {
    command.replace(at, 4, port);
  }
  run(command);
}

}  // namespace

World::World() {
  enter_namespace();
  run("ip link add br0 type bridge mcast_snooping 0 && ip link set br0 up");
  for (const char* port : {"under0", "ids0"}) add_port(port, "");
  run("ip address add 192.0.2.1/24 dev under0");
  for (const char* port : {"vm1", "vm2", "vm3", "up0", "side0", "aux0", "end0"}) {
    add_port(port, "master br0");
  }
  run("bridge fdb add 52:54:00:ff:ff:01 dev end0 master static");
  aux_ = std::make_unique<FarEnd>("far-aux0");
  configured_ports_ = std::make_unique<FarEnd>("far-end0");
}

World::~World() {
  run("nft flush ruleset");
  const std::string ours = output("ip -o link show group 32334 | awk -F': ' '{print $2}'");
  std::string name;
  for (const char c : ours) {
    if (c != '\n') {
      name += c;
      continue;
    }
    run("ip link del " + name.substr(0, name.find('@')));
    name.clear();
  }
  for (const std::string link :
       {"vm1", "vm2", "vm3", "up0", "side0", "aux0", "end0", "ids0", "under0", "br0"}) {
    if (::if_nametoindex(link.c_str()) != 0) run("ip link del " + link);
  }
}

void World::settle() {
  const std::string last = std::string("\x52\x54\0\xff\xff\1\x52\x54\0\xff\xff\2\x88\xb6", 14) +
                           "settle " + std::to_string(++settles_) + std::string(50, '.');
  aux_->send(last);
  for (int tries = 0; tries < 500; ++tries) {
    for (const std::string& frame : configured_ports_->received()) {
      if (frame == last) return;
    }
    configured_ports_->wait(10);
  }
  ADD_FAILURE() << "a frame that no rule filters did not arrive";
}

std::unique_ptr<device::LinuxDriver> World::driver() {
  auto driver = device::LinuxDriver::open(
      io_, {.guarded_ports = {"vm*"}, .underlay = {"under0"}, .queues = {}});
  if (!driver) {
    ADD_FAILURE() << describe(driver.error());
    std::abort();
  }
  return *std::move(driver);
}

}  // namespace tenet::testing
