"""Hundreds of devices come back to a broker that restarts (law 6): roots first, then what differs;
and many get a policy at once that is as large as one can be (law 4).

TENET_DEVICES is how many come back (300).
"""

from __future__ import annotations

import os
import unittest
from collections import Counter
from typing import Any

from harness.commands import CommandError, ConsoleTimeout
from harness.swarm import Swarm
from harness.tenet_messages import TenetMessage
from harness.topology import Topology
from harness.waiting import wait_until

from .case import SystemTest, mac, policy

DEVICES = int(os.environ.get("TENET_DEVICES", "300"))
RULES = 530  # of the large policy
LATE = 10  # of them come back with less than the others


class Crowd(SystemTest):
    """One server, and device agents in a swarm or two."""

    servers = 1
    devices = 0
    device: dict[str, Any] = {}  # laid over the configuration of each device

    def gather(self, *swarms: list[str], **agent: str) -> list[Swarm]:
        """Start swarms of those devices, and the server with those keys of `agent`."""
        names = [name for swarm in swarms for name in swarm]
        peers = [{"jid": f"{name}@localhost"} for name in names]
        self.net = Topology(1, 0, servers_config={"device": peers, "agent": agent})
        self.addCleanup(self.net.close)
        out = [self.swarm(f"swarm{number}", swarm) for number, swarm in enumerate(swarms)]
        self.net.broker.start()
        for process in (self.net.agents["server1"], *out):
            process.start()
            self.addCleanup(process.kill)
        self.net.renew_consoles()
        self.wait_synchronized(len(names))
        return out

    def swarm(self, name: str, devices: list[str]) -> Swarm:
        config = {"server": [{"jid": self.net.bare_jid("server1")}], **self.device}
        return Swarm(
            "device", name, self.net.folder / name, self.net.broker, dict.fromkeys(devices, config)
        )

    def wait_synchronized(self, count: int) -> None:
        wait_until(
            lambda: self.states()["synchronized"] == count, 120, lambda: str(self.states()), interval=0.5
        )

    def states(self) -> Counter[str]:
        """State -> devices; nothing as long as the server is away too."""
        try:
            return Counter(row["state"] for row in self.rows("server1", "list-devices"))
        except (CommandError, ConsoleTimeout):
            return Counter()


class Storm(Crowd):
    def setUp(self) -> None:
        names = [f"leaf{number}" for number in range(DEVICES)]
        self.most, self.late = self.gather(names[LATE:], names[:LATE])

    def test_equal_devices_exchange_roots_and_others_what_differs(self) -> None:
        created = self.run_command("server1", "create-network", policy=policy(4096), _timeout=60)
        self.assertEqual({r["state"] for r in created.rows}, {"enforced"})
        self.assertIn(f"done: durable and enforced on {DEVICES} devices", [text for _, text in created.notes])
        self.late.stop()
        self.wait_until(
            lambda: self.states()["offline"] == LATE, "server1 did not notice who is gone", 60
        )
        for number in range(3):
            self.run_command(
                "server1", "create-vm", vnid="4096", vm=f"vm-{number}", mac=mac(number), _timeout=60
            )
        self.wait_synchronized(DEVICES - LATE)

        mark = self.net.wire.mark()
        failed = self.failures()
        self.net.broker.kill()
        self.late.start()
        self.net.broker.start()
        self.net.renew_consoles()
        self.wait_synchronized(DEVICES)
        self.failed = self.failures() - failed
        requests: dict[str, list[str]] = {}
        size: Counter[str] = Counter()
        for message in self.net.wire.messages(mark):
            device = device_of(message)
            size[device] += message.stanza.size
            if message.type in ("get", "set"):
                requests.setdefault(device, []).append(message.name)
        late = {f"leaf{number}" for number in range(LATE)}
        equal = [device for device in requests if device not in late]
        told = {device: set(names) for device, names in requests.items()}
        self.assertEqual([d for d in equal if told[d] != {"hello", "synced"}], [])
        self.assertEqual([d for d in late if told[d] != {"hello", "batch", "synced"}], [])
        self.assertEqual(len(told), DEVICES)
        sent = sum(len(requests[d]) for d in equal)
        print(
            f"\n{DEVICES} devices: {sent / len(equal):.2f} requests for each that was equal,"
            f" {sum(size[d] for d in equal) / len(equal):.0f} bytes with answers;"
            f" {sum(size[d] for d in late) / LATE:.0f} bytes for each that lacked 3 VMs;"
            f" {self.failed / DEVICES:.2f} failed logins each",
            flush=True,
        )
        # Two requests each, but for those that logged in again while the broker was overrun.
        self.assertLess(sent, 3 * len(equal))
        self.assertLess(sum(size[d] for d in equal), sum(size[d] for d in late) * len(equal) / LATE)
        # They back off: a broker that is away or overrun is not called without end.
        self.assertLess(self.failed, 10 * DEVICES)

    def failures(self) -> int:
        return self.most.log().count("offline reason=")


class LargePolicy(Crowd):
    """More goes out at once than a session may have unsent."""

    crowd = 80
    unsent = 8 * 1024 * 1024
    # While one process verifies for all of them, on a busy machine, it answers nobody.
    device = {"xmpp": {"keepalive": "10min"}}

    def setUp(self) -> None:
        names = [f"leaf{number}" for number in range(self.crowd)]
        # One process has to take it for all of them.
        self.gather(names, **{"command-timeout": "120s", "request-timeout": "120s"})

    def test_it_arrives_everywhere_once_and_the_session_stays(self) -> None:
        created = self.run_command("server1", "create-network", policy=policy(4096), _timeout=150)
        self.assertEqual({row["state"] for row in created.rows}, {"enforced"}, created.notes)
        document = large_policy(2)
        self.assertGreater(len(document) * self.crowd, self.unsent)
        mark = self.net.wire.mark()
        changed = self.run_command("server1", "change-policy", policy=document, _timeout=150)
        self.assertEqual({row["state"] for row in changed.rows}, {"enforced"}, changed.notes)
        self.wait_synchronized(self.crowd)
        batches = self.net.wire.messages(mark, lambda m: m.name == "batch" and m.type == "set")
        sent = Counter((device_of(m), *m.operations) for m in batches)
        once = {(f"leaf{number}", "policy-update"): 1 for number in range(self.crowd)}
        self.assertEqual(sent, once)
        self.assertEqual(self.net.agents["server1"].log().count("offline reason="), 0)


def large_policy(revision: int) -> str:
    """A document of almost as many bytes as servers take, of rules that are long."""
    prefix = "2001:db8:1111:2222:3333:4444:5555"
    rules = "".join(
        f"<rule id='{number}' action='permit' direction='to-vm' protocol='tcp' "
        f"source='{prefix}:{number:x}/128' destination='{prefix}:{revision}/128' "
        f"source-port='10000-19999' destination-port='20000-29999'/>"
        for number in range(1, RULES + 1)
    )
    return policy(4096, revision, f"<acl default='deny'>{rules}</acl>")


def device_of(message: TenetMessage) -> str:
    """The account of the device that it comes from or goes to."""
    ends = (message.stanza.sender, message.receiver)
    return next(name for name in (e.partition("@")[0] for e in ends) if name.startswith("leaf"))


if __name__ == "__main__":
    unittest.main()
