"""Namespaces, hosts, frames, streams and DHCP over plain bridges of the kernel, without any agent."""

from __future__ import annotations

import subprocess
import sys
import unittest
from collections.abc import Callable
from pathlib import Path

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet

from ..dhcp import DhcpServer, lease
from ..lab import Lab
from ..namespaces import CommandFailed, Namespace, namespaces, remove_leftovers
from ..streams import Stream, throughput
from ..waiting import Timeout, wait_until

_FOLDER = Path("/run/netns")
_TESTS = Path(__file__).resolve().parents[2]
# A run that makes a namespace with a program in it, and then waits to be killed.
_OTHER_RUN = """
import sys, tempfile
from pathlib import Path
from harness.namespaces import Namespace
space = Namespace()
child = space.program("sleeper", ["sleep", "600"], Path(sys.argv[1]))
print(space.name, child.pid, flush=True)
sys.stdin.read()
"""


def udp_to(port: int) -> Callable[[Packet], bool]:
    """A test of frames."""
    return lambda frame: UDP in frame and frame[UDP].dport == port


class Names(unittest.TestCase):
    """Nothing is left, whatever ends a run; nobody takes another's."""

    def other_run(self, folder: Path) -> tuple[subprocess.Popen[str], str, int]:
        other = subprocess.Popen(
            [sys.executable, "-c", _OTHER_RUN, folder], cwd=_TESTS, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.addCleanup(remove_leftovers)
        self.addCleanup(other.communicate)
        self.addCleanup(other.kill)
        assert other.stdout is not None
        name, child = other.stdout.readline().split()
        return other, name, int(child)

    def test_what_a_killed_run_left_is_removed_and_a_living_one_is_left_alone(self) -> None:
        with Lab() as lab:
            dead, left, child = self.other_run(lab.folder)
            _, kept, _ = self.other_run(lab.folder)
            self.assertNotIn(left, remove_leftovers())
            dead.kill()
            dead.wait()
            wait_until(lambda: not _runs(child), 10, "the killed run's program still runs")
            remove_leftovers()
            self.assertFalse((_FOLDER / left).exists())
            self.assertTrue((_FOLDER / kept).exists())

    def test_close_removes_namespace_programs_and_interfaces(self) -> None:
        with Lab() as lab:
            device = lab.device()
            host = device.host("vm1", 1)
            child = host.space.program("sleeper", ["sleep", "600"], lab.folder)
            names = device.space.name, host.space.name
        self.assertFalse(_runs(child.pid))
        for name in names:
            self.assertFalse((_FOLDER / name).exists())

    def test_a_failure_inside_comes_out(self) -> None:
        with Namespace() as space:
            with self.assertRaises(ZeroDivisionError):
                space.call(lambda: 1 // 0)
            with self.assertRaises(CommandFailed) as failed:
                space.ip("link set nothing up")
            self.assertIn("nothing", str(failed.exception))
            with self.assertRaises(CommandFailed):
                space.run("false")
            self.assertEqual(space.run("false", expect=None), "")

    def test_two_namespaces_are_apart_and_this_process_stays_outside(self) -> None:
        before = _own_namespace()
        with namespaces(2) as (one, other):
            inside = {space.call(_own_namespace) for space in (one, other)}
            self.assertEqual(len(inside | {before}), 3)
        self.assertEqual(_own_namespace(), before)


def _own_namespace() -> Path:
    """The network namespace of the calling thread."""
    return Path("/proc/thread-self/ns/net").readlink()


def _runs(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


class Hosts(unittest.TestCase):
    """What tests of the datapath rely on is true of a bridge without any rules."""

    def setUp(self) -> None:
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.device = self.lab.device()
        self.one = self.device.host("vm1", 1)
        self.two = self.device.host("vm2", 2)

    def frame(self, port: int, tag: int | None = None) -> Packet:
        head = Ether(src=self.one.mac, dst=self.two.mac)
        if tag is not None:
            head /= Dot1Q(vlan=tag)
        return head / IP(src=self.one.ip4, dst=self.two.ip4) / UDP(sport=9, dport=port) / b"data"

    def test_ping_counts_answers(self) -> None:
        for version in (4, 6):
            self.assertEqual(self.one.ping(self.two.address(version), 5), 5)
        self.assertEqual(self.one.ping("10.0.0.9", 2), 0)
        self.one.knows(self.two)
        self.device.space.ip("link set vm2 down")
        self.assertEqual(self.one.ping(self.two.ip4, 2), 0)

    def test_tcp_connects_where_someone_listens(self) -> None:
        for version in (4, 6):
            self.two.listen(80, version)
            self.assertTrue(self.one.tcp(self.two.address(version), 80))
            self.assertTrue(self.one.tcp(self.two.address(version), 80, source_port=1024))
            self.assertTrue(self.one.tcp(self.two.address(version), 80, source_port=1024))
            self.assertFalse(self.one.tcp(self.two.address(version), 81))

    def test_udp_and_groups(self) -> None:
        for version, group in ((4, "239.1.1.1"), (6, "ff15::1")):
            own = self.two.udp_socket(70, version)
            joined = self.two.udp_socket(71, version, group=group)
            self.one.send_udp(self.two.address(version), 70, [b"a", b"b"])
            self.one.send_udp(group, 71, [b"c"])
            for taker, wanted in ((own, [b"a", b"b"]), (joined, [b"c"])):
                taker.settimeout(2)
                self.assertEqual([taker.recv(100) for _ in wanted], wanted)

    def test_frames_arrive_as_they_were_sent(self) -> None:
        taker, sender = self.two.frames(), self.one.frames()
        for frame in (self.frame(1), self.frame(2, tag=7)):
            sender.send(frame)
            seen = taker.wait_for(udp_to(frame[UDP].dport), "the frame")
            self.assertEqual(bytes(seen), bytes(frame))
        self.assertEqual(sender.count(udp_to(1)), 0, "what one sends is not what arrives")
        self.assertEqual(taker.count(udp_to(1)), 1)
        taker.clear()
        self.assertFalse(taker.arrives(udp_to(1), 0.05))
        with self.assertRaisesRegex(Timeout, "the frame did not arrive"):
            taker.wait_for(udp_to(1), "the frame", 0.05)

    def test_checksums_are_whole_on_the_wire(self) -> None:
        taker = self.two.frames()
        self.one.send_udp(self.two.ip4, 5, [b"x"])
        seen = taker.wait_for(udp_to(5), "the datagram")
        again = Ether(bytes(seen))
        del again[UDP].chksum
        self.assertEqual(Ether(bytes(again))[UDP].chksum, seen[UDP].chksum)

    def test_a_stream_shows_what_was_lost(self) -> None:
        self.one.knows(self.two)
        with Stream(self.one, self.two) as stream:
            stream.wait_sent(50)
            stream.wait_arrived()
            self.device.space.ip("link set vm2 down")
            stream.wait_sent(20)
            self.device.space.ip("link set vm2 up")
            stream.wait_arrived()
            lost = stream.stop()
        self.assertGreaterEqual(len(lost), 20)
        self.assertEqual(lost, list(range(lost[0], lost[0] + len(lost))))
        with Stream(self.one, self.two, version=6) as stream:
            stream.wait_arrived()
            self.assertEqual(stream.stop(), [])

    def test_throughput_is_what_a_shaper_grants(self) -> None:
        self.device.space.run(
            *"tc qdisc add dev vm2 root tbf rate 20mbit burst 20kb latency 20ms".split()
        )
        rate = throughput(self.one, self.two, self.lab.folder, offered="60M", seconds=1)
        self.assertTrue(17e6 < rate < 21e6, rate)

    def test_a_lease(self) -> None:
        client = self.device.host("vm3", 3, ip=[])
        self.assertEqual(lease(client, self.lab.folder, tries=1), "")
        DhcpServer(self.one, "10.0.0.100", "10.0.0.100", self.lab.folder)
        self.assertEqual(lease(client, self.lab.folder), "10.0.0.100")
        self.assertEqual(self.two.ping("10.0.0.100"), 3)

    def test_two_devices_share_an_underlay(self) -> None:
        other = self.lab.device("switch2", bridge=None)
        self.lab.underlay(self.device, other)
        self.device.space.run("ping", "-c", "1", "-W", "2", "192.0.2.2")
        self.assertEqual(self.device.ports("br0"), {"vm1", "vm2"})
