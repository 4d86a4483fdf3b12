"""What VMs feel: packets through the Linux datapath, between network namespaces on this machine."""

from __future__ import annotations

import contextlib
import itertools
import os

from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from datapath.packets import arp, udp
from demo_steps import Demo, Steps, policy
from harness.commands import CommandError, ConsoleTimeout
from harness.frames import FrameSocket
from harness.lab import UNDERLAY, DeviceSpace, Lab
from harness.namespaces import Namespace
from harness.numbering import mac
from harness.streams import Stream, throughput
from harness.topology import Topology
from harness.vm_host import VmHost
from harness.waiting import wait_until

# Each server has VMs behind one switch. An underlay joins the two switches.
HOMES = {"server1": "switch1", "server2": "switch2"}
WEB, RED, BLUE = 4096, 5000, 6000
STRANGER = 99

NEIGHBOURS = (
    "<rule id='1' action='permit' direction='from-vm' ethertype='arp'/>"
    "<rule id='2' action='permit' direction='to-vm' ethertype='arp'/>"
)
SSH_DENIED = (
    "<acl default='permit'><rule id='22' action='deny' direction='to-vm' protocol='tcp' "
    "destination-port='22'/></acl>"
)
RED_ENTRIES = "<virtual-network multicast='239.1.19.136'/>" + SSH_DENIED
BLUE_ENTRIES = "<virtual-network multicast='239.1.23.112'/>"
# What arrives of a rate that is granted. Generous: buckets have bursts, machines are busy.
LEAST, MOST = 0.7, 1.2


def both_ways(number: int, match: str) -> str:
    """A permit from the sending VM, and one to the receiving VM: each side judges for itself."""
    return "".join(
        f"<rule id='{number + offset}' action='permit' direction='{direction}' {match}/>"
        for offset, direction in enumerate(("from-vm", "to-vm"))
    )


def service(port: int) -> str:
    """An access list for one TCP service. It is stateless, so answers have rules of their own."""
    return (
        f"<acl default='deny'>{NEIGHBOURS}"
        + both_ways(30, f"protocol='tcp' destination-port='{port}'")
        + both_ways(40, f"protocol='tcp' established='true' source-port='{port}'")
        + "%s</acl>"
    )


PING = both_ways(20, "protocol='icmp'")
WEB_AND_PING, SSH_ALONE = service(80) % PING, service(22) % ""


def limits(megabits: int) -> str:
    """A rate for each VM and direction."""
    return f"<bandwidth from-vm='{megabits}Mbit' to-vm='{megabits}Mbit'/>" + SSH_DENIED


class Vm:
    """A VM: a network namespace at a port of a switch, named after it."""

    def __init__(
        self, switch: DeviceSpace, name: str, vnid: int, number: int, twin: int = 0
    ) -> None:
        bridge = switch.bridge if vnid == WEB else None  # networks of their own bring their bridge
        self.name, self.vnid, self.device = name, vnid, switch.name
        address = f"10.0.0.{twin or number}/24"
        self.host = switch.host(f"vm-{name}", number, ip=[address], bridge=bridge)
        self.ip = self.host.ip4
        for port in (22, 80):
            self.host.listen(port)

    @property
    def fields(self) -> dict[str, str]:
        """What create-vm is told of it."""
        return {
            "vnid": str(self.vnid), "vm": self.name, "mac": self.host.mac, "ip": self.ip,
            "port": self.host.port,
        }  # fmt: skip


class Packets(Demo):
    """Two switches with VMs; words for packets, and for what `explain` says of them."""

    def __init__(self, net: Topology, lab: Lab, segment: Namespace) -> None:
        super().__init__(net)
        self.lab, self.segment = lab, segment
        left, right = lab.devices["switch1"], lab.devices["switch2"]
        self.web, self.app = Vm(left, "web-1", WEB, 1), Vm(left, "app-1", WEB, 2)
        # It has a port in the bridge of web-1 and app-1, but nobody will ever create it.
        self.intruder = Vm(left, "intruder", WEB, 9)
        self.red = [Vm(left, "red-1", RED, 11), Vm(right, "red-2", RED, 12)]
        self.moving = Vm(left, "red-3", RED, 13)
        # These have the addresses of red-1 and red-2: another tenant chose the same.
        self.blue = [Vm(left, "blue-1", BLUE, 21, 11), Vm(right, "blue-2", BLUE, 22, 12)]
        self._tokens = itertools.count(1)

    def switch(self, vm: Vm) -> DeviceSpace:
        """The switch that a VM is behind now."""
        return self.lab.devices[vm.device]

    def create(self, *vms: Vm) -> None:
        """Create VMs on the server behind whose switch they are."""
        for vm in vms:
            (server,) = (server for server, device in HOMES.items() if device == vm.device)
            self.done(server, "create-vm", **vm.fields)

    # -- what the device says ------------------------------------------------------------------

    def verdict(self, vm: Vm, direction: str, **packet: str) -> tuple[bool, str]:
        """Whether a packet passes, as `explain` on the VM's device says, and why."""
        result = self.run(
            vm.device, "explain", vnid=str(vm.vnid), vm=vm.name, direction=direction, **packet
        )
        if not result.rows:
            raise AssertionError(f"explain gives no verdict: {'; '.join(result.errors)}")
        (row,) = result.rows
        return row["verdict"] == "permit", f"{row['verdict']}: {row['decided-by']}"

    def verdicts(self, sender: Vm, receiver: Vm, **packet: str) -> tuple[bool, str]:
        """The verdict of the sender's side, and if it permits, that of the receiver's."""
        packet = {"source": sender.ip, "destination": receiver.ip, **packet}
        passes, why = self.verdict(sender, "from-vm", **packet)
        return self.verdict(receiver, "to-vm", **packet) if passes else (passes, why)

    # -- what packets do -----------------------------------------------------------------------

    def agree(self, what: str, wanted: bool, real: bool, said: tuple[bool, str]) -> None:
        """Intent, packets and `explain` must be of one mind."""
        self.expect(f"{what:<46} explain: {said[1]}", wanted == real == said[0])

    def pings(self, sender: Vm, receiver: Vm, wanted: bool) -> None:
        """A ping, and what `explain` says."""
        answered = sender.host.ping(receiver.ip, wait=2 if wanted else 0.4)
        said = self.verdicts(sender, receiver, protocol="icmp", icmp_type="8")
        what = f"{sender.name} pings {receiver.name}: {answered} of 3 answered"
        self.agree(what, wanted, answered == 3 if wanted else answered > 0, said)

    def connects(self, sender: Vm, receiver: Vm, port: int, wanted: bool) -> None:
        """A TCP connection to a port where somebody listens, and what `explain` says."""
        real = sender.host.tcp(receiver.ip, port, timeout=3 if wanted else 0.4)
        said = self.verdicts(sender, receiver, protocol="tcp", destination_port=str(port))
        outcome = "connected" if real else "no answer"
        self.agree(f"{sender.name} to {receiver.name}, TCP {port}: {outcome}", wanted, real, said)

    def arrives(self, sender: Vm, receiver: Vm, frame: Packet, after: Vm) -> bool:
        """Whether a frame arrives; one of `after` must, which ends the wait.

        So silence is that of a receiver which hears, and of a way that is open to others.
        """
        tokens = [b"tenet-probe-%08d" % next(self._tokens) for _ in range(2)]
        frames = frame, udp(after.host, receiver.host)
        with contextlib.ExitStack() as stack:
            tap, *outs = (
                stack.enter_context(contextlib.closing(vm.host.frames()))
                for vm in (receiver, sender, after)
            )
            for out, data, token in zip(outs, frames, tokens, strict=True):
                out.send(bytes(data / Raw(token)))
            tap.wait_for(lambda seen: tokens[1] in seen.original, f"a datagram of {after.name}")
            return tap.count(lambda seen: tokens[0] in seen.original) > 0

    def stream(self, sender: Vm, receiver: Vm, port: int = 4660) -> Stream:
        """Numbered datagrams, one each millisecond."""
        sender.host.knows(receiver.host)
        receiver.host.knows(sender.host)
        return Stream(sender.host, receiver.host, port=port)

    def is_back(self, device: str) -> bool:
        """Whether a device is online and answers."""
        try:
            self.table(device, "list-policies")
        except (CommandError, ConsoleTimeout):
            return False
        return True


PACKETS: Steps[Packets] = Steps()
step = PACKETS.step


@step("an access list between two VMs: what it permits passes, and nothing else")
def access_list(demo: Packets) -> None:
    demo.done("server1", "create-network", policy=policy(WEB, 1, WEB_AND_PING))
    demo.create(demo.web, demo.app)
    demo.pings(demo.app, demo.web, True)
    demo.connects(demo.app, demo.web, 80, True)
    demo.connects(demo.app, demo.web, 22, False)


@step("the access list changes, and the VMs that are there feel it")
def changed_list(demo: Packets) -> None:
    demo.done("server1", "change-policy", policy=policy(WEB, 2, SSH_ALONE))
    demo.pings(demo.app, demo.web, False)
    demo.connects(demo.app, demo.web, 80, False)
    demo.connects(demo.app, demo.web, 22, True)


@step("a rate limit of 50 Mbit, then 100 Mbit; app-1 offers web-1 300 Mbit of UDP")
def rate(demo: Packets) -> None:
    for revision, megabits in ((3, 50), (4, 100)):
        demo.done("server1", "change-policy", policy=policy(WEB, revision, limits(megabits)))
        measured = throughput(demo.app.host, demo.web.host, demo.lab.folder, offered="300M") / 1e6
        demo.expect(
            f"{megabits} Mbit/s granted, {measured:.1f} Mbit/s arrive",
            LEAST <= measured / megabits <= MOST,
        )
    demo.sends("policy-update", "policy-update")


@step("a VM talks as itself only, and somebody whom nobody created not at all")
def guard(demo: Packets) -> None:
    web, app = demo.web, demo.app
    real = demo.arrives(app, web, udp(app.host, web.host), app)
    said = demo.verdicts(app, web, protocol="udp", destination_port="7")
    demo.agree("app-1 sends as itself: arrives", True, real, said)

    frame = udp(app.host, web.host, src="10.0.0.99")
    real = demo.arrives(app, web, frame, app)
    said = demo.verdicts(app, web, source="10.0.0.99", protocol="udp", destination_port="7")
    demo.agree("app-1 sends as 10.0.0.99: nothing arrives", False, real, said)

    real = demo.arrives(app, web, arp(app.host, web.host, op=2, psrc="10.0.0.99"), app)
    demo.expect("app-1 answers ARP for 10.0.0.99: nothing arrives", not real)

    frame = udp(app.host, web.host)
    frame[Ether].src = mac(STRANGER)
    real = demo.arrives(app, web, frame, app)
    demo.expect(f"app-1 sends from MAC {mac(STRANGER)}: nothing arrives", not real)

    real = demo.arrives(demo.intruder, web, udp(demo.intruder.host, web.host), app)
    said = demo.verdicts(demo.intruder, web, protocol="udp", destination_port="7")
    demo.agree("an unknown VM, same bridge: nothing arrives", False, real, said)


@step("kill -9 of switch1's agent: no packet notices, and the policy still holds")
def killed(demo: Packets) -> None:
    agent = demo.net.agents["switch1"]
    with demo.stream(demo.app, demo.web) as stream:
        stream.wait_arrived()
        agent.kill()
        stream.wait_sent(300)
        without = stream.sent
        refused = not demo.app.host.tcp(demo.web.ip, 22)
        demo.expect("without agent: app-1 to web-1, TCP 22: still no answer", refused)
        agent.start()
        wait_until(lambda: demo.is_back("switch1"), 30, "switch1 did not come back")
        demo.net.wait_ready()
        stream.wait_sent(100)
        lost = stream.stop()
    demo.expect(
        f"killed, {without} datagrams later started again: {stream.sent} sent, {len(lost)} lost",
        not lost,
    )
    demo.connects(demo.app, demo.web, 22, False)


@step("someone runs `nft flush ruleset` on switch1: resync repairs it, and says what")
def flushed(demo: Packets) -> None:
    web, app, intruder = demo.web, demo.app, demo.intruder
    demo.switch(web).nft("flush", "ruleset")
    open_door = demo.arrives(intruder, web, udp(intruder.host, web.host), app)
    demo.expect(
        "flushed: the unknown VM gets through, TCP 22 too", open_door and app.host.tcp(web.ip, 22)
    )
    repaired = [row["repaired"] for row in demo.table("switch1", "resync")]
    demo.expect(f"resync repairs: {', '.join(repaired)}", bool(repaired))
    shut = not demo.arrives(intruder, web, udp(intruder.host, web.host), app)
    demo.expect("an unknown VM, same bridge: nothing arrives", shut)
    demo.connects(app, web, 22, False)
    demo.expect("resync again: nothing left to repair", demo.table("switch1", "resync") == [])


@step("two networks over one underlay, with the same addresses: VXLAN between the switches")
def overlay(demo: Packets) -> None:
    for server in HOMES:
        demo.done(server, "create-network", policy=policy(RED, 1, RED_ENTRIES))
        demo.done(server, "create-network", policy=policy(BLUE, 1, BLUE_ENTRIES))
    demo.create(*demo.red, demo.moving, *demo.blue)
    core = FrameSocket(demo.segment, "to-switch1")
    demo.lab.callback(core.close)
    for one, two in (demo.red, demo.blue):
        core.clear()
        demo.pings(one, two, True)
        seen = [f for f in core.seen() if VXLAN in f and f[VXLAN].payload.src == one.host.mac]
        ends = " and ".join(sorted({frame[IP].dst for frame in seen}, reverse=True))
        demo.expect(
            f"on the underlay: {len(seen)} frames of {one.name} in VXLAN {one.vnid}, to {ends}",
            {frame[VXLAN].vni for frame in seen} == {one.vnid},
        )


@step("blue never meets red, on one switch or across two")
def isolation(demo: Packets) -> None:
    blue, moving = demo.blue[0], demo.moving
    demo.pings(demo.red[1], moving, True)
    answered = blue.host.ping(moving.ip)
    demo.expect(
        f"blue-1 pings {moving.ip}, which red-3 has: {answered} of 3 answered", answered == 0
    )
    for red, friend in ((demo.red[0], demo.red[1]), (demo.red[1], demo.red[0])):
        reached = [
            demo.arrives(blue, red, frame, friend)
            for frame in (udp(blue.host, red.host), arp(blue.host, red.host))
        ]
        demo.expect(
            f"frames of blue-1 right to {red.name} on {red.device}, and ARP: nothing arrives",
            not any(reached),
        )


@step("red-3 migrates from server1 behind switch1 to server2 behind switch2, under two streams")
def migrate(demo: Packets) -> None:
    moving, (near, far) = demo.moving, demo.red
    print(
        "    server2 takes it in before it comes; then its cable is pulled at switch1 and plugged in"
    )
    print(
        "    at switch2; then server1 lets it go. The VM is a namespace that runs on meanwhile: no"
    )
    print("    memory is copied, so what is lost is lost between the two ports.")
    source = demo.net.jid("server1")
    with demo.stream(near, moving) as to_it, demo.stream(moving, far, 4661) as from_it:
        to_it.wait_arrived()
        from_it.wait_arrived()
        demo.done("server2", "migrate-in", **moving.fields, from_=source)
        port, old, new = moving.host.port, demo.switch(moving), demo.lab.devices["switch2"]
        old.space.ip(f"link set {port} netns {new.space.name}")
        new.space.ip(f"link set {port} up")
        moving.device = "switch2"
        to_it.wait_arrived()
        from_it.wait_arrived()
        demo.done("server1", "migrate-out", vnid=str(RED), vm=moving.name)
        to_it.wait_sent(200)
        from_it.wait_sent(200)
        streams = {"red-1 to red-3": to_it, "red-3 to red-2": from_it}
        lost = {what: stream.stop() for what, stream in streams.items()}
    for what, stream in streams.items():
        demo.expect(
            f"{what}: {stream.sent} datagrams sent, one each ms; {len(lost[what])} lost on the way",
            len(lost[what]) < 1000,
        )
    places = {device: moving.name in demo.vms(device) for device in HOMES.values()}
    demo.expect("red-3 is on switch2 alone", places == {"switch1": False, "switch2": True})


@step("the policy is there where red-3 is now")
def after_migration(demo: Packets) -> None:
    for sender in demo.red:
        demo.connects(sender, demo.moving, 80, True)
        demo.connects(sender, demo.moving, 22, False)


def play() -> int:
    """The packets; returns how many checks failed."""
    print(
        f"Linux {os.uname().release}. Network namespaces are switches and VMs, and nothing else is touched:"
    )
    for server, device in HOMES.items():
        print(f"  {server} -- {device}, driver linux")
    with Lab() as lab:
        switches = [lab.device(name) for name in HOMES.values()]
        segment = lab.underlay(*switches)
        overrides: dict[str, dict[str, object]] = {
            server: {"device": [{"jid": f"{device}@localhost"}]} for server, device in HOMES.items()
        }
        for switch in switches:
            overrides[switch.name] = {
                "datapath": {
                    "driver": "linux",
                    "record-file": None,
                    "network-namespace": switch.space.name,
                    "guarded-ports": ["vm-*"],
                    "underlay": UNDERLAY,
                    # Not by itself: the demo shows what an operator does.
                    "repair-interval": "1h",
                }
            }
        with Topology(servers=2, devices=2, overrides=overrides) as net:
            demo = Packets(net, lab, segment)
            PACKETS.play(demo)
    return demo.failures
