"""The wire protocol, spoken to a device agent by an independent server on slixmpp.

Digests are computed here from PROTOCOL.md, not by any code of the agents.
"""

from __future__ import annotations

import hashlib
import unittest
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

from harness.commands import CommandError
from harness.console import Console
from harness.tenet_messages import numbers

from .case import NAMESPACE, SystemTest, mac, policy

TENET = f"{{{NAMESPACE}}}"


def sha(data: bytes | str) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).digest()


def network_digest(vnid: int, revision: int, entries: str, vms: dict[str, str]) -> bytes:
    """The digest of one network; `vms` has the lines of PROTOCOL.md by VM."""
    content = sha(f"policy {vnid}\n" + (entries + "\n" if entries else "")).hex()
    by_path = sorted(vms.items(), key=lambda item: sha(item[0]).hex())
    head = f"network {vnid} {revision} {content}\n".encode()
    return sha(head + b"".join(sha(line) for _, line in by_path))


class IndependentServer(SystemTest):
    """`outsider` is a server agent to switch1, in Python."""

    options = {
        "overrides": {
            "switch1": {
                "server": [{"jid": "server1@localhost"}, {"jid": "outsider@localhost"}],
                "capacity": {"vms": 3},
            }
        }
    }

    def setUp(self) -> None:
        super().setUp()
        self.server = self.outsider("server-agent")
        self.seq = 0

    def outsider(self, resource: str) -> Console:
        broker = self.net.broker
        broker.create_user("outsider@localhost", "outsider-password")
        console = Console()
        self.addCleanup(console.close)
        return console.connect(
            f"outsider@localhost/{resource}", "outsider-password", broker.host, broker.port,
            broker.ca_file,
        )  # fmt: skip

    def ask(self, kind: str, request: str) -> ET.Element:
        """The payload that answers this request."""
        reply = self.server.iq(self.net.jid("switch1"), kind, request)
        return next(iter(reply))

    def hello(self, epoch: int = 1) -> str:
        self.seq += 1
        answer = self.ask("set", f"<hello xmlns='{NAMESPACE}' epoch='{epoch}' seq='{self.seq}'/>")
        return answer.get("root", "")

    def batch(
        self, *operations: str, epoch: int = 1, seq: int | None = None
    ) -> dict[int, str]:
        """Sends a batch; returns what each operation got: "done", or our condition."""
        if seq is None:
            self.seq += 1
            seq = self.seq
        answer = self.ask(
            "set",
            f"<batch xmlns='{NAMESPACE}' epoch='{epoch}' seq='{seq}'>{''.join(operations)}</batch>",
        )
        self.assertEqual((answer.get("epoch"), answer.get("seq")), (str(epoch), str(seq)))
        results = {}
        for child in answer:
            if child.tag == f"{TENET}done":
                results.update({n: "done" for n in numbers(child.get("operations", ""))})
            else:
                own = [e for e in child.find(f"{TENET}error") if e.tag.startswith(TENET)]
                for number in numbers(child.get("operations", "")):
                    results[number] = own[0].tag.removeprefix(TENET)
        self.assertEqual(sorted(results), list(range(1, len(operations) + 1)))
        return results

    def refused(self, kind: str, request: str) -> str:
        """The request must be refused whole; returns our condition."""
        with self.assertRaises(CommandError) as caught:
            self.ask(kind, request)
        return caught.exception.application

    SYNC = f"<policy-sync>{policy(7, 1)}</policy-sync>"

    @staticmethod
    def associate(vm: str, number: int, inside: str = "", **attributes: str) -> str:
        extra = "".join(f" {name}='{value}'" for name, value in attributes.items())
        return f"<associate vnid='7' vm='{vm}' mac='{mac(number)}'{extra}>{inside}</associate>"

    def test_law_3_late_and_repeated_messages_change_nothing(self) -> None:
        self.hello(epoch=5)
        self.assertEqual(self.batch(self.SYNC, epoch=5), {1: "done"})
        before = self.vms("switch1")
        for epoch, seq in ((5, self.seq), (5, 1), (4, 999), (0, 0)):
            request = (
                f"<batch xmlns='{NAMESPACE}' epoch='{epoch}' seq='{seq}'>"
                f"{self.associate('late', 9)}</batch>"
            )
            self.assertEqual(self.refused("set", request), "stale-epoch")
            hello = f"<hello xmlns='{NAMESPACE}' epoch='{epoch}' seq='{seq}'/>"
            self.assertEqual(self.refused("set", hello), "stale-epoch")
        self.assertEqual(self.vms("switch1"), before)

    def test_hello_voids_what_was_sent_before_it(self) -> None:
        self.hello()
        late = self.seq + 1
        self.seq += 5
        self.hello()
        request = f"<batch xmlns='{NAMESPACE}' epoch='1' seq='{late}'>{self.SYNC}</batch>"
        self.assertEqual(self.refused("set", request), "stale-epoch")
        self.assertEqual(self.policies("switch1"), {})

    def test_the_last_sequence_survives_a_crash_of_the_device(self) -> None:
        self.hello(epoch=5)
        self.batch(self.SYNC, epoch=5)
        device = self.net.agents["switch1"]
        device.kill()
        device.start()
        self.net.wait_ready()
        request = f"<batch xmlns='{NAMESPACE}' epoch='5' seq='{self.seq}'>{self.SYNC}</batch>"
        self.assertEqual(self.refused("set", request), "stale-epoch")

    def test_roots_are_as_the_protocol_computes_them(self) -> None:
        self.assertEqual(self.hello(), sha(b"").hex())
        entries = '<qos dscp="ef" class="5"/>'
        self.batch(
            f"<policy-sync>{policy(7, 3, entries)}</policy-sync>",
            self.associate("web-1", 1, ip="2001:db8::1 10.0.0.1", port="eth1"),
            f"<pre-associate vnid='7' vm='web-2' mac='{mac(2)}' reserve='true'/>",
        )
        lines = {
            "web-1": f"vm web-1 {mac(1)} 10.0.0.1,2001:db8::1 eth1 associated -",
            "web-2": f"vm web-2 {mac(2)} - - pre-associated reserve",
        }
        digest = network_digest(7, 3, entries, lines)
        self.assertEqual(self.hello(), sha(digest).hex())
        node = self.ask("get", f"<digests xmlns='{NAMESPACE}'><node path=''/></digests>")[0]
        self.assertEqual([(n.get("vnid"), n.get("digest")) for n in node], [("7", digest.hex())])
        (node,) = self.ask("get", f"<digests xmlns='{NAMESPACE}'><node vnid='7' path=''/></digests>")
        self.assertEqual(node.get("revision"), "3")
        self.assertEqual({v.get("id"): v.get("state") for v in node},
                         {"web-1": "associated", "web-2": "pre-associated"})
        synced = self.ask("get", f"<synced xmlns='{NAMESPACE}' root='{'0' * 64}'/>")
        self.assertEqual(synced.get("root"), sha(digest).hex())

    def test_associate_sent_again_with_a_newer_policy_replaces_it(self) -> None:
        self.hello()
        self.batch(self.SYNC, self.associate("web-1", 1))
        newer = policy(7, 2, "<qos class='1'/>")
        self.assertEqual(self.batch(self.associate("web-1", 1, newer)), {1: "done"})
        self.assertEqual(self.policies("switch1"), {"7": "2"})
        # An older one changes neither the policy nor the VM.
        moved = self.associate("web-1", 1, policy(7, 1), port="eth9")
        self.assertEqual(self.batch(moved), {1: "stale-revision"})
        (row,) = self.rows("switch1", "list-vms")
        self.assertEqual((self.policies("switch1"), row["port"]), ({"7": "2"}, ""))

    def test_502_504_dissociation_of_the_last_vm_drops_the_policy(self) -> None:
        self.hello()
        self.batch(self.SYNC, self.associate("web-1", 1), self.associate("web-2", 2))
        self.batch("<dissociate vnid='7' vm='web-1'/>")
        self.assertEqual(self.policies("switch1"), {"7": "1"})
        self.batch("<dissociate vnid='7' vm='web-2'/>")
        self.assertEqual(self.policies("switch1"), {})

    def test_a_vm_replaced_within_one_batch_keeps_the_policy(self) -> None:
        self.hello()
        self.batch(self.SYNC, self.associate("web-1", 1))
        results = self.batch("<dissociate vnid='7' vm='web-1'/>", self.associate("web-2", 1))
        self.assertEqual(results, {1: "done", 2: "done"})
        self.assertEqual((self.policies("switch1"), list(self.vms("switch1"))), ({"7": "1"}, ["web-2"]))

    def test_operations_are_answered_one_by_one_and_refusals_leave_no_trace(self) -> None:
        self.hello()
        results = self.batch(
            self.SYNC,
            self.associate("a", 1),
            "<associate vnid='8' vm='x' mac='52:54:00:00:00:09'/>",
            self.associate("b", 1),
            self.associate("c", 3),
            self.associate("d", 4),
            self.associate("e", 5),
        )
        self.assertEqual(
            results,
            {1: "done", 2: "done", 3: "unknown-vnid", 4: "vm-conflict", 5: "done", 6: "done",
             7: "no-resources"},
        )  # fmt: skip
        self.assertEqual(sorted(self.vms("switch1")), ["a", "c", "d"])

    def test_withdrawing_and_dissociating_what_is_not_there_is_done_already(self) -> None:
        self.hello()
        results = self.batch("<policy-withdraw vnid='9'/>", "<dissociate vnid='9' vm='x'/>")
        self.assertEqual(results, {1: "done", 2: "done"})

    def test_update_of_an_unclaimed_network_is_refused(self) -> None:
        self.done("server1", "create-network", policy=policy(7, 1))
        self.hello()
        update = f"<policy-update>{policy(7, 2)}</policy-update>"
        self.assertEqual(self.batch(update), {1: "unknown-vnid"})
        self.assertEqual(self.policies("switch1"), {"7": "1"})

    def test_a_newer_revision_of_another_server_is_kept(self) -> None:
        self.done("server1", "create-network", policy=policy(7, 1))
        self.hello()
        self.assertEqual(self.batch(f"<policy-sync>{policy(7, 2)}</policy-sync>"), {1: "done"})
        self.assertEqual(self.policies("switch1"), {"7": "2"})
        self.run_command("server1", "resync")
        (row,) = self.rows("server1", "list-networks")
        self.assertEqual(row["state"], "refused")
        self.assertIn("revision 2", row["detail"])
        self.assertEqual(self.policies("switch1"), {"7": "2"})

    def test_an_audit_finds_what_another_server_changed(self) -> None:
        server = self.net.agents["server1"]
        server.stop()
        server.config["agent"]["audit-interval"] = "200ms"
        server.start()
        self.net.wait_ready()
        self.done("server1", "create-network", policy=policy(7, 1))
        self.hello()
        self.batch(f"<policy-sync>{policy(7, 2)}</policy-sync>")
        self.wait_until(
            lambda: [r["state"] for r in self.rows("server1", "list-networks")] == ["refused"],
            "server1 did not notice revision 2",
        )

    def test_malformed_requests_are_refused_whole(self) -> None:
        self.hello()
        batch = f"<batch xmlns='{NAMESPACE}' epoch='1' seq='99'>%s</batch>"
        for request in (
            batch % "",
            batch % "<destroy vnid='7'/>",
            batch % (self.SYNC + "<dissociate vnid='7'/>"),
            batch % "<associate vnid='7' vm='a' mac='01:00:5e:00:00:01'/>",
            f"<batch xmlns='{NAMESPACE}' epoch='1'>{self.SYNC}</batch>",
            f"<hello xmlns='{NAMESPACE}' epoch='-1' seq='1'/>",
            f"<nonsense xmlns='{NAMESPACE}'/>",
        ):
            self.assertEqual(self.refused("set", request), "invalid", request)
        get = f"<digests xmlns='{NAMESPACE}'><node path='xyz'/></digests>"
        self.assertEqual(self.refused("get", get), "invalid")
        self.assertEqual(self.policies("switch1"), {})

    def test_answers_come_in_the_order_of_the_requests(self) -> None:
        self.hello()
        mark = self.net.wire.mark()
        good = f"<batch xmlns='{NAMESPACE}' epoch='1' seq='%d'>{self.SYNC}</batch>"

        def ask(number: int) -> None:
            try:
                request = good % (100 + number) if number % 3 else f"<nonsense xmlns='{NAMESPACE}'/>"
                self.server.iq(self.net.jid("switch1"), "set", request)
            except CommandError:
                pass  # malformed, or overtaken on the way to the broker

        with ThreadPoolExecutor(24) as pool:
            list(pool.map(ask, range(24)))
        stanzas = [s for s in self.net.wire.stanzas(mark) if s.kind == "iq"]
        asked = [s.id for s in stanzas if s.type == "set"]
        answered = [s.id for s in stanzas if s.type in ("result", "error")]
        self.assertEqual(len(asked), 24)
        self.assertEqual(answered, asked)

    def test_the_type_of_the_iq_matters(self) -> None:
        self.assertEqual(
            self.refused("get", f"<hello xmlns='{NAMESPACE}' epoch='1' seq='1'/>"), "invalid"
        )
        self.assertEqual(
            self.refused("set", f"<digests xmlns='{NAMESPACE}'><node path=''/></digests>"), "invalid"
        )

    def test_the_same_account_at_another_resource_is_a_stranger(self) -> None:
        other = self.outsider("laptop")
        with self.assertRaises(CommandError) as caught:
            other.iq(
                self.net.jid("switch1"), "set", f"<hello xmlns='{NAMESPACE}' epoch='1' seq='1'/>"
            )
        self.assertEqual(caught.exception.condition, "forbidden")


if __name__ == "__main__":
    unittest.main()
