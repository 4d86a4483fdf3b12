"""Laws 5, 8 and 9 in the kernel: agents stop, die and come back; others meddle with the rules."""

from __future__ import annotations

import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness.neighbours import neighbours
from harness.numbering import mac
from harness.vm_host import VmHost

from .case import DatapathTest
from .packets import arp, udp
from .test_acl import acl

EVERYTHING = (
    acl("permit", ("deny protocol='tcp' destination-port='25'",), ("deny protocol='tcp'",))
    + "<bandwidth from-vm='100Mbit' to-vm='100Mbit'/><qos dscp='af21' class='2'/>"
    + "<dhcp-snooping enabled='true'/>"
)
# NFPROTO_...
FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
SEGMENT = "<virtual-network multicast='239.1.16.0'/>"


class SurvivalTest(DatapathTest):
    """Two VMs, and a port at which somebody is who is none."""

    def cable(self) -> None:
        self.one, self.two, self.nobody, self.outside = neighbours(self.space)

    def fill(self) -> None:
        self.network(4096, EVERYTHING)
        self.associate(self.one)
        self.associate(self.two)
        waiting = {"vm": "waiting", "mac": mac(70), "port": "vm70", "state": "pre-associated"}
        self.done("server1", "create-vm", vnid="4096", **waiting)
        self.network(5000, "")

    def agree(self) -> None:
        """The kernel has the associated VMs of the store, and no others."""
        associated = {
            row["mac"] for row in self.rows("switch1", "list-vms") if row["state"] == "associated"
        }
        kernel = self.macs_in_kernel()
        self.assertEqual(sorted(associated - kernel)[:10], [], "lacking in the kernel")
        self.assertEqual(sorted(kernel - associated)[:10], [], "too many in the kernel")

    def judge(self) -> None:
        """The policy is in force: VMs talk, nobody else does, what is denied is denied."""
        self.passes(self.one, self.two, udp(self.one, self.two))
        self.drops(
            self.nobody, self.two, udp(self.nobody, self.two),
            after=(self.one, udp(self.one, self.two)),
        )  # fmt: skip
        self.agree()


class Agent(SurvivalTest):
    """The agent's end and start are no event for packets."""

    def test_traffic_goes_on_through_stop_kill_and_start(self) -> None:
        self.fill()
        agent = self.net.agents["switch1"]
        before = self.rules()
        with self.stream(self.one, self.two) as stream, self.stream(
            self.two, self.outside, version=6
        ) as other:
            stream.wait_arrived()
            other.wait_arrived()
            for is_killed in (False, True):
                agent.kill() if is_killed else agent.stop()
                stream.wait_sent(100)
                self.assertEqual(self.rules(), before, "without agent")
                agent.start()
                self.wait_listed()
                self.net.wait_ready()
                stream.wait_sent(100)
                self.assertEqual(self.rules(), before, "with the agent again")
            self.assertEqual(stream.stop(), [])
            self.assertEqual(other.stop(), [])

    def test_traffic_goes_on_without_broker_and_server(self) -> None:
        self.fill()
        before = self.rules()
        with self.stream(self.one, self.two) as stream:
            stream.wait_arrived()
            self.net.agents["server1"].kill()
            self.net.broker.stop()
            self.wait_until(
                lambda: self.net.agents["switch1"].log_has("offline"), "switch1 did not notice"
            )
            stream.wait_sent(100)
            self.assertEqual(self.rules(), before)
            self.net.broker.start()
            self.net.agents["server1"].start()
            self.net.wait_ready(60)
            stream.wait_sent(100)
            self.assertEqual(self.rules(), before)
            self.assertEqual(stream.stop(), [])

    def test_law_9_built_from_empty_equals_reached_step_by_step(self) -> None:
        self.fill()
        self.network(4096, acl("deny", ("permit protocol='udp'",), ()))
        self.associate(self.nobody, 5000, ip="")
        self.remove(self.two)
        self.network(4096, EVERYTHING)
        self.remove(self.nobody, 5000)
        self.network(6000, "<qos class='1'/>")
        self.associate(self.two, 6000, ip="10.0.0.2 10.0.0.22")
        reached = self.rules()
        agent = self.net.agents["switch1"]
        agent.stop()
        self.space.nft("flush", "ruleset")
        agent.start()
        self.wait_listed()
        self.assertEqual(self.rules(), reached)


class Crash(SurvivalTest):
    """Law 8: kill -9 among a thousand associations."""

    VMS = 1000

    def test_kernel_store_and_what_was_acknowledged_agree(self) -> None:
        server, agent = self.net.agents["server1"], self.net.agents["switch1"]
        server.stop()
        server.config["agent"]["command-timeout"] = "1s"
        server.start()
        self.net.wait_ready()
        self.network(4096, EVERYTHING)
        end = threading.Event()
        consoles = [self.net.console() for _ in range(4)]

        def create(worker: int) -> None:
            for number in range(worker, self.VMS, len(consoles)):
                if end.is_set():
                    return
                consoles[worker].execute(
                    self.net.jid("server1"), "create-vm", vnid="4096", vm=f"vm-{number:04}",
                    mac=mac(1000 + number), ip=f"10.1.{number >> 8}.{number & 255}", _timeout=60,
                )  # fmt: skip

        with ThreadPoolExecutor(len(consoles)) as pool:
            try:
                work = pool.map(create, range(len(consoles)))
                self.wait_until(lambda: len(self.acknowledged()) >= 300, "no associations", 60)
                agent.kill()
            finally:
                end.set()
            list(work)
        server.stop()  # so that nobody tells the device anything
        promised = self.acknowledged()
        agent.start()
        self.wait_listed()
        kept = self.vms("switch1")
        self.assertEqual(promised - set(kept), set(), "acknowledged, but lost")
        self.agree()
        server.start()
        self.net.wait_ready(60)
        wanted = {row["vm"] for row in self.rows("server1", "list-vms")}
        self.assertEqual(set(self.vms("switch1")), wanted)
        self.agree()

    def acknowledged(self) -> set[str]:
        """The VMs whose association the device called done."""
        found = set()
        for answer in self.answers():
            request = answer.request
            if request is None or request.payload is None:
                continue
            operations = list(request.payload)
            for number in answer.done:
                if operations[number - 1].tag.endswith("}associate"):
                    found.add(operations[number - 1].get("vm", ""))
        return found


class Drift(SurvivalTest):
    """Others change what is ours; `resync` finds it, and so does the agent by itself."""

    def test_resync_repairs_and_says_what(self) -> None:
        self.fill()
        before = self.rules()
        self.assertEqual(self.resync(), [], "nothing to repair")
        self.assertTrue(self.tables())
        self.space.nft("flush", "ruleset")
        self.assertTrue(self.resync(), "what was repaired is listed")
        self.assertEqual(self.rules(), before)
        self.judge()
        for family, table in sorted(self.tables()):
            with self.subTest(table):
                self.space.nft("delete", "table", FAMILIES[family], table)
                self.assertTrue(self.resync())
                self.assertEqual(self.rules(), before)
        self.judge()
        self.assertEqual(self.resync(), [], "and then there is nothing left to repair")

    def test_operators_can_read_the_rules(self) -> None:
        self.fill()
        for words in (["list", "ruleset"], ["-j", "list", "ruleset"]):
            text = self.space.nft(*words)
            self.assertIn(self.one.mac, text)
            self.assertIn("from-4096", text)

    def test_what_is_not_ours_is_left_alone(self) -> None:
        self.fill()
        self.space.nft("add", "table", "inet", "theirs")
        self.space.add_bridge("br9")
        self.assertEqual(self.resync(), [])
        agent = self.net.agents["switch1"]
        agent.restart()
        self.net.wait_ready()
        self.network(4096, "")
        self.assertIn("theirs", {name for _, name in self.tables()})
        self.assertIn("br9", self.space.space.links())

    def test_each_chain_and_set_is_looked_at(self) -> None:
        self.fill()
        before = self.rules()
        for item in before:
            if item.kind not in ("chain", "set", "map"):
                continue
            place = FAMILIES[item.family], item.table, item.name
            damages: list[tuple[str, ...]] = [("flush", item.kind, *place)]
            if item.kind == "chain":
                damages.append(("insert", "rule", *place, "accept"))
            for damage in damages:
                with self.subTest(damage):
                    self.space.nft(*damage)
                    self.resync()
                    self.assertEqual(self.rules(), before)
        self.judge()

    def test_a_device_without_its_store_enforces_nothing_of_before(self) -> None:
        self.fill()
        self.net.agents["server1"].stop()
        agent = self.net.agents["switch1"]
        agent.stop()
        for file in agent.folder.glob(agent.state_file.name + "*"):
            file.unlink()
        agent.start()
        self.wait_listed()
        self.agree()
        self.drops(self.one, self.two, udp(self.one, self.two))
        self.net.agents["server1"].start()
        self.net.wait_ready()
        self.judge()

    def test_a_start_repairs_as_well(self) -> None:
        self.fill()
        before = self.rules()
        agent = self.net.agents["switch1"]
        agent.stop()
        self.space.nft("flush", "ruleset")
        agent.start()
        self.wait_listed()
        self.assertEqual(self.rules(), before)
        self.judge()


class Timer(SurvivalTest):
    """The agent looks by itself."""

    datapath = {"repair-interval": "1s"}

    def test_the_timer_repairs(self) -> None:
        self.fill()
        before = self.rules()
        self.space.nft("flush", "ruleset")
        self.wait_until(lambda: self.rules() == before, "the agent did not repair by itself")
        self.judge()


class Segments(DatapathTest):
    """Bridges and VXLAN that others delete come back, with the ports in them."""

    underlay = True
    bridge = None
    datapath = {"repair-interval": "2s"}

    def cable(self) -> None:
        self.one = self.space.host("vm1", 1)
        self.two = self.space.host("vm2", 2)

    def meet(self, one: VmHost, two: VmHost) -> None:
        self.passes(one, two, arp(one, two))
        self.passes(one, two, udp(one, two))

    def test_deleted_bridge_vxlan_and_port(self) -> None:
        self.network(4096, SEGMENT)
        self.associate(self.one)
        self.associate(self.two)
        self.meet(self.one, self.two)
        wanted = {"tx-4096", "vm1", "vm2"}
        for damage in (
            "link delete tb-4096",
            "link delete tx-4096",
            "link set vm1 nomaster",
            "link set tb-4096 down",
            "link set tx-4096 down",
        ):
            with self.subTest(damage):
                self.space.space.ip(damage)
                self.resync()  # which has nothing left to do if the agent noticed before
                self.assertEqual(self.space.ports("tb-4096"), wanted)
                for name in ("tb-4096", "tx-4096"):
                    (link,) = self.space.space.ip_json("link", "show", name)
                    self.assertIn("UP", link["flags"])
                self.meet(self.one, self.two)
                self.assertEqual(self.resync(), [])

    def test_a_port_that_comes_back(self) -> None:
        self.network(4096, SEGMENT)
        self.associate(self.one)
        self.associate(self.two)
        self.space.space.ip("link delete vm1")
        self.one.close()
        again = self.space.host("vm1", 1)
        self.resync()
        self.assertEqual(self.space.ports("tb-4096"), {"tx-4096", "vm1", "vm2"})
        self.meet(again, self.two)

    def test_a_port_that_comes_after_its_vm(self) -> None:
        self.network(4096, SEGMENT)
        self.associate(self.two)
        fields = self.vm_fields(self.one, port="vm7")
        self.done("server1", "create-vm", **fields)
        late = self.space.host("vm7", 1)
        self.wait_until(
            lambda: self.space.ports("tb-4096") == {"tx-4096", "vm2", "vm7"},
            "the port did not get into its bridge",
        )
        self.meet(late, self.two)

    def test_deleted_links_come_back_by_themselves(self) -> None:
        self.network(4096, SEGMENT)
        self.associate(self.one)
        self.associate(self.two)
        wanted = {"tx-4096", "vm1", "vm2"}
        for name in ("tb-4096", "tx-4096"):
            self.space.space.ip(f"link delete {name}")
            self.wait_until(
                lambda: "tb-4096" in self.space.space.links()
                and self.space.ports("tb-4096") == wanted,
                f"{name} did not come back",
            )
        self.meet(self.one, self.two)


if __name__ == "__main__":
    unittest.main()
