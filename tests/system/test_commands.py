"""The ad-hoc commands themselves (XEP-0050, XEP-0004), as any console sees them."""

from __future__ import annotations

import unittest

from harness.commands import CommandError
from harness.topology import Topology

from .case import SystemTest, mac, policy

ACL = (
    "<acl default='deny'>"
    "<rule id='10' action='permit' direction='to-vm' protocol='tcp' source='10.0.0.0/8' "
    "destination-port='22-23'/>"
    "<rule id='20' action='permit' direction='from-vm' ethertype='arp'/></acl>"
)
SERVER_NODES = {
    "create-network", "change-policy", "delete-network", "create-vm", "activate-vm", "remove-vm",
    "migrate-out", "migrate-in", "list-networks", "list-vms", "list-devices", "resync",
}  # fmt: skip
DEVICE_NODES = {"list-policies", "list-vms", "show-policy", "show-capacity", "explain", "resync"}
RESERVED = {"username", "password", "url", "ocr"}


class Commands(SystemTest):
    shared = True

    def test_disco_names_every_command_and_the_features(self) -> None:
        self.assertEqual(set(self.net.admin.commands(self.net.jid("server1"))), SERVER_NODES)
        self.assertEqual(set(self.net.admin.commands(self.net.jid("switch1"))), DEVICE_NODES)
        for agent in ("server1", "switch1"):
            features = self.net.admin.features(self.net.jid(agent))
            for feature in (
                "urn:tenet:policy:1",
                "jabber:x:data",
                "http://jabber.org/protocol/commands",
                "http://jabber.org/protocol/disco#info",
                "urn:xmpp:ping",
            ):
                self.assertIn(feature, features)

    def test_every_field_has_type_and_label_and_choices_have_a_default(self) -> None:
        for agent, nodes in (("server1", SERVER_NODES), ("switch1", DEVICE_NODES)):
            for node in nodes:
                form = self.net.admin.form(self.net.jid(agent), node)
                self.assertTrue(form.title)
                self.assertTrue(form.instructions)
                for var, field in form.fields.items():
                    self.assertTrue(field.type, f"{node} {var}")
                    self.assertTrue(field.label, f"{node} {var}")
                    self.assertNotIn(var, RESERVED)
                    if field.type in ("list-single", "boolean"):
                        self.assertTrue(field.values, f"{node} {var} has no default")

    def test_one_step_with_complete_offered_and_meant_by_execute_and_next(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        for action in ("complete", "execute", "next", None):
            begun = self.net.admin.start(self.net.jid("server1"), "list-networks")
            self.assertEqual(begun.status, "executing")
            self.assertEqual(begun.actions, {"complete"})
            attributes = {"node": begun.node, "sessionid": begun.session}
            if action:
                attributes["action"] = action
            ended = self.net.admin.send_command(begun.agent, attributes, begun.form.submit({}))
            self.assertEqual(ended.status, "completed", action)
            self.assertEqual(len(ended.rows), 1)

    def test_a_form_sent_with_the_first_execute_completes_at_once(self) -> None:
        form = self.net.admin.form(self.net.jid("server1"), "create-network")
        filled = form.submit({"policy": policy(4096)})
        result = self.net.admin.send_command(
            self.net.jid("server1"), {"node": "create-network"}, filled
        )
        self.assertEqual(result.status, "completed")
        self.assertEqual(self.policies("switch1"), {"4096": "1"})

    def test_cancel_changes_nothing(self) -> None:
        begun = self.net.admin.start(self.net.jid("server1"), "create-network")
        ended = self.net.admin.cancel(begun)
        self.assertEqual(ended.status, "canceled")
        with self.assertRaises(CommandError) as caught:
            self.net.admin.cancel(begun)
        self.assertEqual(caught.exception.application, "bad-sessionid")

    def test_protocol_faults_are_iq_errors(self) -> None:
        jid = self.net.jid("server1")
        begun = self.net.admin.start(jid, "delete-network")
        for attributes, condition, own in (
            ({"node": "no-such-command"}, "item-not-found", ""),
            ({"node": begun.node, "sessionid": begun.session, "action": "prev"},
             "bad-request", "bad-action"),
            ({"node": "remove-vm", "sessionid": begun.session}, "bad-request", "bad-sessionid"),
        ):  # fmt: skip
            with self.assertRaises(CommandError) as caught:
                self.net.admin.send_command(jid, attributes)
            self.assertEqual(caught.exception.condition, condition)
            self.assertEqual(caught.exception.application, own)

    def test_results_carry_a_table_and_the_same_rows_as_text(self) -> None:
        self.done("server1", "create-network", policy=policy(4096, 3))
        self.create_vm("server1", 4096, "web-1", 1, ip="10.0.0.1")
        result = self.run_command("switch1", "list-vms")
        (row,) = result.rows
        self.assertTrue(result.result.title)
        for column, value in row.items():
            if value:
                self.assertIn(f"{column}: {value}", result.text)

    def test_policy_documents_come_back_as_they_were_meant(self) -> None:
        self.done("server1", "create-network", policy=policy(4096, 3, ACL))
        shown = self.run_command("switch1", "show-policy", vnid="4096")
        self.assertIn('<rule id="10" action="permit" direction="to-vm"', shown.text)
        # What is shown is a document that can be given back.
        self.done("server1", "create-network", policy=shown.text)
        why = self.refused_at_once("switch1", "show-policy", vnid="4097")
        self.assertTrue(why.startswith("unknown-vnid:"), why)

    def test_capacity_is_shown(self) -> None:
        self.done("server1", "create-network", policy=policy(4096, 3, ACL))
        rows = {r["capacity"]: r for r in self.rows("switch1", "show-capacity")}
        self.assertEqual(rows["acl-entries"]["used"], "2")
        self.assertEqual(rows["networks"]["used"], "1")
        self.assertEqual(rows["vms"]["limit"], "unlimited")

    def test_explain_gives_verdict_and_deciding_rule(self) -> None:
        self.done("server1", "create-network", policy=policy(4096, 1, ACL))
        self.create_vm("server1", 4096, "web-1", 1)
        self.create_vm("server1", 4096, "web-2", 2, state="pre-associated")

        def verdict(vm: str = "web-1", **packet: str) -> tuple[str, str]:
            (row,) = self.run_command(
                "switch1", "explain", vnid="4096", vm=vm, **packet
            ).rows
            return row["verdict"], row["decided-by"]

        ssh = {"direction": "to-vm", "protocol": "tcp", "source": "10.1.2.3"}
        self.assertEqual(
            verdict(**ssh, destination_port="22"),
            ("permit", "acl rule 10: permit to-vm ipv4 tcp from 10.0.0.0/8 to port 22-23"),
        )
        self.assertEqual(verdict(**ssh, destination_port="24"), ("deny", "acl default deny"))
        other = {**ssh, "source": "192.0.2.1"}
        self.assertEqual(verdict(**other, destination_port="22")[0], "deny")
        self.assertEqual(verdict(direction="from-vm", ethertype="arp")[0], "permit")
        self.assertIn("pre-associated", verdict(vm="web-2", **ssh, destination_port="22")[1])
        self.assertIn("unknown", verdict(vm="web-9", **ssh, destination_port="22")[1])
        why = self.refused_at_once(
            "switch1", "explain", vnid="4096", vm="web-1", source="10.0.0.0/8"
        )
        self.assertIn("10.0.0.0/8", why)

    def test_long_listings_come_in_pages(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        for number in range(1, 31):
            self.create_vm("server1", 4096, f"vm-{number:02}", number)
        page = self.run_command("switch1", "list-vms", first="11")
        self.assertEqual([r["vm"] for r in page.rows], [f"vm-{n:02}" for n in range(11, 31)])
        self.assertEqual(page.notes, [("info", "rows 11 to 30 of 30")])
        why = self.refused_at_once("switch1", "list-vms", first="0")
        self.assertIn("first", why)

    def test_filters(self) -> None:
        for vnid in (100, 200):
            self.done("server1", "create-network", policy=policy(vnid))
        self.create_vm("server1", 100, "web-1", 1)
        self.assertEqual([r["vnid"] for r in self.rows("server1", "list-networks", vnid="200")], ["200"])
        self.assertEqual(self.rows("switch1", "list-vms", vnid="200"), [])
        self.assertEqual(len(self.rows("switch1", "list-policies", vnid="100")), 1)

    def test_resync_compares_and_reports(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        mark = self.net.wire.mark()
        self.done("server1", "resync")
        names = [m.name for m in self.net.wire.messages(mark) if m.type in ("get", "set")]
        self.assertEqual(names, ["hello", "synced"])

    def test_what_was_refused_is_tried_again_by_resync_only(self) -> None:
        device = self.net.agents["switch1"]
        device.stop()
        device.config["capacity"] = {"networks": 1}
        device.start()
        self.net.wait_ready()
        self.done("server1", "create-network", policy=policy(100))
        self.refused_by_device("server1", "create-network", policy=policy(200))
        mark = self.net.wire.mark()
        self.create_vm("server1", 100, "web-1", 1)
        self.assertEqual(self.sent(mark), ["associate"], "the refused policy is not sent again")


class ManyConsoles(SystemTest):
    def test_parallel_commands_do_not_mix(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self.done("server1", "create-network", policy=policy(4096))
        consoles = [self.net.console() for _ in range(6)]

        def create(number: int) -> str:
            result = consoles[number].execute(
                self.net.jid("server1"), "create-vm", vnid="4096", vm=f"vm-{number}",
                mac=mac(number + 1),
            )  # fmt: skip
            return result.rows[0]["object"]

        with ThreadPoolExecutor(len(consoles)) as pool:
            objects = list(pool.map(create, range(len(consoles))))
        self.assertEqual(objects, [f"vm 4096/vm-{n}" for n in range(len(consoles))])


class ManyDevices(SystemTest):
    """An answer has no room for a thousand rows and notes: it begins with what went wrong."""

    def setUp(self) -> None:
        peers = [{"jid": f"away{number}@localhost"} for number in range(1000)]
        self.net = Topology(1, 0, servers_config={"device": peers})
        self.addCleanup(self.net.close)
        self.net.start()
        self.net.agents["server1"].wait_log("online")

    def test_what_needs_attention_comes_first_and_the_rest_is_counted(self) -> None:
        result = self.run_command("server1", "create-network", policy=policy(4096))
        self.assertGreater(len(result.rows), 100)
        self.assertLess(len(result.rows), 1000)
        self.assertEqual({r["state"] for r in result.rows}, {"unreachable"})
        texts = [text for _, text in result.notes]
        self.assertIn(f"rows 1 to {len(result.rows)} of 1000", texts)
        self.assertIn("950 more devices without it", texts)
        self.assertEqual(len(texts), 52)


if __name__ == "__main__":
    unittest.main()
