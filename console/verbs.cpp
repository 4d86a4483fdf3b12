#include "console/verbs.h"

#include "common/core/text.h"

namespace tenet::console {
namespace {

using Arguments = std::vector<VerbArgument>;

const VerbArgument kVnid{"VNID", "vnid", "the network, like 4096 or 4096.2", Source::text, true};
const VerbArgument kAnyVnid{"VNID", "vnid", "only this network"};
const VerbArgument kVm{"VM", "vm", "the VM's id", Source::text, true};
const VerbArgument kPolicy{"FILE", "policy", "the policy document (XML); - is standard input",
                           Source::file, true};
const VerbArgument kLaterPolicy{"--policy", "policy", "a policy document (XML) to bring along",
                                Source::file};
const VerbArgument kIp{"--ip", "ip", "IPv4 and IPv6 addresses, with commas between"};
const VerbArgument kPort{"--port", "port", "the device's port that the VM is behind"};

VerbArgument mac(bool required) {
  return {"--mac", "mac", required ? "like 52:54:00:12:34:56" : "otherwise --from is asked for it",
          Source::text, required};
}
VerbArgument devices(const std::string& otherwise) {
  return {"--devices", "devices",
          "JIDs or short names, with commas between; otherwise " + otherwise, Source::device};
}
VerbArgument option(const std::string& field, const std::string& help, bool required = false) {
  return {"--" + field, field, help, Source::text, required};
}

std::vector<Verb> make_verbs() {
  const VerbArgument pre_associate{
      "--pre-associate", "state", "prepare the VM; it has no traffic before vm activate",
      Source::text,      false,   "pre-associated"};
  const VerbArgument reserve{"--reserve",  "reserve", "with --pre-associate: keep its share free",
                             Source::text, false,     "true"};
  return {
      {"network",
       "create",
       "create-network",
       Target::server,
       "Define a network by its policy, and give the policy to the devices.",
       "tenetctl network create web.xml --devices switch1,switch2",
       {kPolicy, devices("all devices of the server")}},
      {"network",
       "change",
       "change-policy",
       Target::server,
       "Replace the policy of a network by one with a higher revision.",
       "tenetctl network change web-revision-2.xml",
       {kPolicy}},
      {"network",
       "delete",
       "delete-network",
       Target::server,
       "Forget a network that has no VMs any more.",
       "tenetctl network delete 4096",
       {kVnid}},
      {"network",
       "list",
       "list-networks",
       Target::server,
       "Show the networks, and how far each device has them.",
       "tenetctl network list",
       {kAnyVnid}},
      {"vm",
       "create",
       "create-vm",
       Target::server,
       "Associate a VM with a network, so that the network's policy holds for it.",
       "tenetctl vm create 4096 web-1 --mac 52:54:00:12:34:56 --ip 10.1.2.3",
       {kVnid, kVm, mac(true), kIp, kPort, devices("those of the network"), pre_associate,
        reserve}},
      {"vm",
       "activate",
       "activate-vm",
       Target::server,
       "Associate a VM that was pre-associated.",
       "tenetctl vm activate 4096 web-1",
       {kVnid, kVm, kLaterPolicy}},
      {"vm",
       "remove",
       "remove-vm",
       Target::server,
       "Dissociate a VM; with the last one the devices forget the policy.",
       "tenetctl vm remove 4096 web-1",
       {kVnid, kVm}},
      {"vm",
       "list",
       "list-vms",
       Target::server,
       "Show the VMs, and how far each device has them.",
       "tenetctl vm list 4096",
       {kAnyVnid}},
      {"vm",
       "migrate",
       "migrate-in",
       Target::migration,
       "Move a VM to another server: migrate-in there, and, once the devices enforce that, "
       "migrate-out where it was.\nIf migrate-in is refused or still pending, the VM stays where "
       "it is; run the same line again.",
       "tenetctl vm migrate 4096 web-1 --from server1 --to server2 --port eth2",
       {kVnid, kVm, devices("those of the network"), kPort, mac(false), kIp, kLaterPolicy}},
      {"device",
       "list",
       "list-devices",
       Target::server,
       "Show the devices of a server, and how the conversation with each stands.",
       "tenetctl device list --server server1",
       {}},
      {"device",
       "policies",
       "list-policies",
       Target::device,
       "Show the policies that a device enforces, and which servers claim them.",
       "tenetctl device policies switch1",
       {kAnyVnid}},
      {"device",
       "vms",
       "list-vms",
       Target::device,
       "Show the VMs that a device knows.",
       "tenetctl device vms switch1 4096",
       {kAnyVnid}},
      {"device",
       "policy",
       "show-policy",
       Target::device,
       "Print the policy document that a device enforces for a network.",
       "tenetctl device policy switch1 4096 > policy.xml",
       {kVnid}},
      {"device",
       "capacity",
       "show-capacity",
       Target::device,
       "Show what a device can grant, and what is granted.",
       "tenetctl device capacity switch1",
       {}},
      {"device",
       "explain",
       "explain",
       Target::device,
       "Tell whether a packet of a VM passes the device, and which rule decides.",
       "tenetctl device explain switch1 4096 web-1 --direction to-vm --protocol tcp "
       "--source 10.9.9.9 --destination-port 22",
       {kVnid,
        kVm,
        option("direction", "from-vm or to-vm", true),
        option("ethertype", "ipv4, ipv6, arp or a number"),
        option("protocol", "tcp, udp, icmp, icmpv6, sctp or a number"),
        option("source", "source address"),
        option("destination", "destination address"),
        option("source-port", "source port"),
        option("destination-port", "destination port"),
        option("icmp-type", "ICMP type"),
        {"--established", "established", "a TCP segment of an existing connection", Source::text,
         false, "true"}}},
      {"device",
       "resync",
       "resync",
       Target::device,
       "Compare what a device enforces with what it has acknowledged, and repair it.",
       "tenetctl device resync switch1",
       {}},
      {"",
       "resync",
       "resync",
       Target::server,
       "Compare a server with its devices and send what differs; what was refused is tried again.",
       "tenetctl resync --devices switch1",
       {devices("all devices of the server")}},
  };
}

}  // namespace

const std::vector<VerbGroup>& verb_groups() {
  static const std::vector<VerbGroup> groups{
      {"network", "Networks and their policies, on a server agent."},
      {"vm", "VMs, on a server agent."},
      {"device", "What devices know and enforce."},
  };
  return groups;
}

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> table = make_verbs();
  return table;
}

std::vector<FieldInput> fields_of(const Verb& verb,
                                  const std::vector<std::vector<std::string>>& given) {
  std::vector<FieldInput> out;
  for (std::size_t i = 0; i < verb.arguments.size() && i < given.size(); ++i) {
    const VerbArgument& argument = verb.arguments[i];
    if (given[i].empty()) continue;
    if (argument.flag()) {
      out.push_back({argument.field, argument.constant});
    } else if (argument.source == Source::text) {
      out.push_back({argument.field, join(given[i], " ")});
    } else {
      for (const std::string& value : given[i]) {
        out.push_back({argument.field, value, argument.source});
      }
    }
  }
  return out;
}

}  // namespace tenet::console
