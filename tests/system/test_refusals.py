"""Law 2: a refusal leaves no trace, names the culprit and proves its point."""

from __future__ import annotations

import unittest

from harness.commands import CommandError

from .case import NAMESPACE, SystemTest, mac, policy


class BadInput(SystemTest):
    """What the server agent itself refuses: the form comes again, nothing is stored or sent."""

    shared = True

    def setUp(self) -> None:
        super().setUp()
        self.done("server1", "create-network", policy=policy(4096, 5, "<qos class='1'/>"))
        self.create_vm("server1", 4096, "web-1", 1)
        self.mark = self.net.wire.mark()
        self.before = self.state()

    def state(self) -> list:
        return [
            self.rows("server1", "list-networks"),
            self.rows("server1", "list-vms"),
            self.rows("switch1", "list-policies"),
            self.device_vms("switch1"),
            self.record("switch1"),
        ]

    def refuse(self, node: str, code: str, culprit: str, **fields: str) -> None:
        why = self.refused_at_once("server1", node, **fields)
        self.assertTrue(why.startswith(code + ":"), why)
        self.assertIn(culprit, why)
        self.assertEqual(self.sent(), [], "nothing is sent")
        self.assertEqual(self.state(), self.before, "nothing is changed")

    def test_malformed_document(self) -> None:
        self.refuse("create-network", "invalid", "line 1", policy="<policy vnid='1'")

    def test_wrong_namespace(self) -> None:
        self.refuse("create-network", "invalid", "urn:tenet:policy:1", policy="<policy/>")

    def test_unknown_kind(self) -> None:
        self.refuse("create-network", "invalid", "firewall", policy=policy(1, 1, "<firewall/>"))

    def test_kind_twice(self) -> None:
        twice = policy(1, 1, "<qos class='1'/><qos class='2'/>")
        self.refuse("create-network", "invalid", "qos", policy=twice)

    def test_vnid_out_of_range(self) -> None:
        for vnid in ("16777216", "4096.256", "-1", "0x10", "4096.", ""):
            self.refuse("create-network", "invalid", f"'{vnid}'", policy=policy(vnid))
        self.refuse("delete-network", "invalid", "16777216", vnid="16777216")

    def test_bad_prefix(self) -> None:
        for source, why in (
            ("10.0.0.0/33", "10.0.0.0/33"),
            ("10.0.0.1/8", "10.0.0.0/8"),
            ("2001:db8::/129", "2001:db8::/129"),
            ("ten/8", "ten/8"),
        ):
            rule = (
                "<acl default='deny'><rule id='10' action='permit' direction='to-vm' "
                f"source='{source}'/></acl>"
            )
            self.refuse("create-network", "invalid", why, policy=policy(1, 1, rule))

    def test_the_culprit_rule_is_named(self) -> None:
        rules = (
            "<acl default='deny'><rule id='10' action='permit' direction='to-vm'/>"
            "<rule id='20' action='permit' direction='to-vm' destination-port='22'/></acl>"
        )
        self.refuse("create-network", "invalid", "acl rule 20", policy=policy(1, 1, rules))

    def test_bad_rate(self) -> None:
        for rate in ("fast", "0Mbit", "50MB", "50", "-5Mbit", "99999999999999999999bit"):
            entry = f"<bandwidth from-vm='{rate}'/>"
            self.refuse("create-network", "invalid", f"'{rate}'", policy=policy(1, 1, entry))

    def test_bad_mac(self) -> None:
        for bad in ("52:54:00:00:00", "01:00:5e:00:00:01", "00:00:00:00:00:00", "hello"):
            self.refuse("create-vm", "invalid", bad, vnid="4096", vm="web-2", mac=bad)

    def test_bad_address(self) -> None:
        fields = {"vnid": "4096", "vm": "web-2", "mac": mac(2)}
        self.refuse("create-vm", "invalid", "10.0.0.999", ip="10.0.0.1 10.0.0.999", **fields)
        self.refuse("create-vm", "invalid", "224.0.0.1", ip="224.0.0.1", **fields)

    def test_duplicate_mac(self) -> None:
        self.refuse(
            "create-vm", "vm-conflict", "4096/web-1", vnid="4096", vm="web-2", mac=mac(1)
        )

    def test_duplicate_vm_with_other_values(self) -> None:
        self.refuse(
            "create-vm", "vm-conflict", "4096/web-1", vnid="4096", vm="web-1", mac=mac(2)
        )

    def test_stale_revision(self) -> None:
        self.refuse("change-policy", "stale-revision", "revision 5", policy=policy(4096, 4))

    def test_same_revision_with_other_content(self) -> None:
        other = policy(4096, 5, "<qos class='2'/>")
        self.refuse("change-policy", "policy-conflict", "other content", policy=other)

    def test_unknown_vnid(self) -> None:
        self.refuse("create-vm", "unknown-vnid", "4097", vnid="4097", vm="x", mac=mac(9))
        self.refuse("change-policy", "unknown-vnid", "4097", policy=policy(4097))
        self.refuse("delete-network", "unknown-vnid", "4097", vnid="4097")
        self.refuse("remove-vm", "unknown-vnid", "4097", vnid="4097", vm="x")

    def test_unknown_vm(self) -> None:
        self.refuse("remove-vm", "not-found", "web-9", vnid="4096", vm="web-9")
        self.refuse("activate-vm", "not-found", "web-9", vnid="4096", vm="web-9")

    def test_unknown_device(self) -> None:
        self.refuse(
            "create-network",
            "not-found",
            "switch9@localhost",
            policy=policy(1),
            devices=["switch9@localhost"],
        )

    def test_network_with_vms_cannot_be_deleted(self) -> None:
        self.refuse("delete-network", "vm-conflict", "web-1", vnid="4096")

    def test_missing_field(self) -> None:
        self.refuse("create-vm", "invalid", "mac", vnid="4096", vm="web-2")

    def test_the_corrected_form_of_the_same_session_is_accepted(self) -> None:
        result = self.run_command("server1", "create-vm", vnid="4096", vm="web-2", mac="bad")
        self.assertEqual(result.status, "executing")
        self.assertEqual(result.form.fields["vm"].value, "web-2", "what was entered is kept")
        again = self.net.admin.retry(result, mac=mac(2))
        self.assertEqual(again.status, "completed")
        self.assertEqual(self.vms("switch1")["web-2"], "associated")

    def test_the_same_command_again_changes_nothing(self) -> None:
        self.done("server1", "create-network", policy=policy(4096, 5, "<qos class='1'/>"))
        self.create_vm("server1", 4096, "web-1", 1)
        self.done("server1", "change-policy", policy=policy(4096, 5, "<qos class='1'/>"))
        self.assertEqual(self.sent(), [])
        self.assertEqual(self.state(), self.before)


RULE = (
    "<acl default='permit'><rule id='10' action='{action}' direction='to-vm' protocol='tcp' "
    "source='{source}' destination-port='22'/></acl>"
)


LIMITS = {
    "capacity": {
        "networks": 3,
        "vms": 3,
        "acl-entries": 5,
        "multicast-groups": 1,
        "port-bandwidth": "1Gbit",
        "port": [{"name": "eth1", "bandwidth": "100Mbit"}],
    },
    "baseline": {
        "reserved-vnids": ["1-99"],
        "reserved-vnis": ["5000"],
        "reserved-groups": ["239.0.0.0/24"],
        "rule": [
            {
                "id": 5,
                "action": "deny",
                "direction": "to-vm",
                "protocol": "tcp",
                "source": "10.1.0.0/16",
                "destination-port": "20-30",
            }
        ],
    },
    "datapath": {"unsupported": ["inspect"]},
}


class DeviceRefuses(SystemTest):
    """What only the device can know: its own configuration, and what it has left."""

    shared = True
    options = {"devices_config": LIMITS}

    def refuse(self, node: str, code: str, *culprits: str, **fields: str) -> None:
        before = self.state()
        (row,) = self.refused_by_device("server1", node, **fields)
        self.assertTrue(row["detail"].startswith(code + ":"), row["detail"])
        for culprit in culprits:
            self.assertIn(culprit, row["detail"])
        self.assertEqual(self.state(), before, "a refusal leaves no trace")

    def state(self) -> list:
        return [
            self.rows("server1", "list-networks"),
            self.rows("server1", "list-vms"),
            self.rows("switch1", "list-policies"),
            self.device_vms("switch1"),
            self.rows("switch1", "show-capacity"),
            self.record("switch1"),
        ]

    def test_baseline_acl_conflict_shows_both_rules_and_a_packet(self) -> None:
        conflict = policy(4096, 1, RULE.format(action="permit", source="10.0.0.0/8"))
        self.refuse(
            "create-network",
            "policy-conflict",
            "acl rule 10",
            "baseline rule 5",
            "packet: to-vm tcp 10.1.0.0 port 0 -> 0.0.0.0 port 22",
            policy=conflict,
        )
        answer = self.answers()[-1]
        self.assertIn("conflict", answer.refused[1])
        # The same action, or other packets, are no conflict.
        same = policy(4096, 1, RULE.format(action="deny", source="10.0.0.0/8"))
        self.done("server1", "create-network", policy=same)
        other = policy(4097, 1, RULE.format(action="permit", source="10.2.0.0/16"))
        self.done("server1", "create-network", policy=other)

    def test_baseline_reservations(self) -> None:
        self.refuse("create-network", "policy-conflict", "vnid 7", "1-99", policy=policy(7))
        for entry, culprit in (
            ("<virtual-network vni='5000'/>", "vni 5000"),
            ("<virtual-network multicast='239.0.0.9'/>", "239.0.0.9"),
        ):
            document = policy(4096, 1, entry)
            self.refuse("create-network", "policy-conflict", culprit, policy=document)

    def test_unsupported_is_said_not_pretended(self) -> None:
        document = policy(4096, 1, "<intrusion-prevention queue='7'/>")
        self.refuse("create-network", "unsupported", "intrusion-prevention", policy=document)

    def test_one_vni_for_two_networks_is_a_conflict(self) -> None:
        self.done("server1", "create-network", policy=policy(4096, 1, "<virtual-network/>"))
        document = policy("4096.1", 1, "<virtual-network/>")
        self.refuse("create-network", "policy-conflict", "vnid 4096", policy=document)

    def test_capacity_of_acl_entries(self) -> None:
        rules = "".join(
            f"<rule id='{i}' action='deny' direction='to-vm' protocol='udp'/>" for i in range(1, 7)
        )
        document = policy(4096, 1, f"<acl default='permit'>{rules}</acl>")
        self.refuse(
            "create-network",
            "no-resources",
            "capacity: acl-entries",
            "requested: 6",
            "available: 5",
            policy=document,
        )

    def test_capacity_of_networks_and_what_is_freed_is_granted_again(self) -> None:
        for vnid in (100, 101, 102):
            self.done("server1", "create-network", policy=policy(vnid))
        self.refuse("create-network", "no-resources", "networks", policy=policy(103))
        self.done("server1", "delete-network", vnid="101")
        self.done("server1", "create-network", policy=policy(103))

    def test_capacity_of_vms_counts_reservations(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        self.create_vm("server1", 4096, "a", 1)
        self.create_vm("server1", 4096, "b", 2, state="pre-associated", reserve="true")
        self.create_vm("server1", 4096, "c", 3, state="pre-associated")
        self.create_vm("server1", 4096, "d", 4)
        fields = {"vnid": "4096", "vm": "e", "mac": mac(5)}
        self.refuse("create-vm", "no-resources", "capacity: vms", **fields)
        # An unreserved pre-association holds nothing; activating it asks for what is not there.
        self.refuse("activate-vm", "no-resources", "capacity: vms", vnid="4096", vm="c")
        # A reserved one has what it needs.
        self.done("server1", "activate-vm", vnid="4096", vm="b")

    def test_capacity_of_bandwidth_per_port(self) -> None:
        document = policy(4096, 1, "<bandwidth reserve='60Mbit'/>")
        self.done("server1", "create-network", policy=document)
        self.create_vm("server1", 4096, "a", 1, port="eth1")
        self.refuse(
            "create-vm",
            "no-resources",
            "bandwidth of port eth1",
            "requested: 60Mbit",
            "available: 40Mbit",
            vnid="4096",
            vm="b",
            mac=mac(2),
            port="eth1",
        )
        self.create_vm("server1", 4096, "b", 2, port="eth2")
        # A change that the VMs there make too large is refused, and the old policy stays.
        larger = policy(4096, 2, "<bandwidth reserve='101Mbit'/>")
        self.refuse("change-policy", "no-resources", "bandwidth of port eth1", policy=larger)
        self.assertEqual(self.policies("switch1"), {"4096": "1"})
        self.done(
            "server1", "change-policy", policy=policy(4096, 2, "<bandwidth reserve='100Mbit'/>")
        )

    def test_capacity_of_multicast_groups(self) -> None:
        first = "<virtual-network multicast='239.1.1.1'/>"
        self.done("server1", "create-network", policy=policy(4096, 1, first))
        second = "<virtual-network multicast='239.1.1.2'/>"
        self.refuse(
            "create-network", "no-resources", "multicast-groups", policy=policy(4097, 1, second)
        )
        # Sharing a group costs nothing.
        self.done("server1", "create-network", policy=policy(4098, 1, first))


class RefusedByOneDevice(SystemTest):
    """switch1 has limits, switch2 has none: what one accepts and the other refuses stays wanted."""

    devices = 2
    options = {"overrides": {"switch1": LIMITS}}

    def test_asking_again_tries_again_and_a_refusal_goes_with_its_wish(self) -> None:
        for vnid in (100, 101, 102):
            self.done("server1", "create-network", policy=policy(vnid), **self.only_switch1())
        self.refused_by_device("server1", "create-network", policy=policy(103))
        self.assertEqual(self.refusals(), {"switch1": "1", "switch2": "0"})
        mark = self.net.wire.mark()
        self.refused_by_device("server1", "create-network", policy=policy(103))
        self.assertEqual(self.sent(mark, to="switch1"), ["policy-sync"], "it is tried again")
        result = self.run_command("server1", "resync", devices=[self.net.bare_jid("switch1")])
        self.assertEqual([r["state"] for r in result.rows], ["refused"])
        self.done("server1", "delete-network", vnid="103")
        self.assertEqual(self.refusals(), {"switch1": "0", "switch2": "0"})

    def only_switch1(self) -> dict[str, list[str]]:
        return {"devices": [self.net.bare_jid("switch1")]}

    def refusals(self) -> dict[str, str]:
        return {r["device"].split("@")[0]: r["refused"] for r in self.rows("server1", "list-devices")}


class Rights(SystemTest):
    """Who may do what."""

    shared = True

    def forbidden(self, call) -> None:
        with self.assertRaises(CommandError) as caught:
            call()
        self.assertEqual(caught.exception.condition, "forbidden")

    def test_non_operators_run_no_command_and_see_none(self) -> None:
        for agent in ("server1", "switch1"):
            jid = self.net.jid(agent)
            self.assertEqual(self.net.stranger.commands(jid), {})
            self.assertTrue(self.net.admin.commands(jid))
        for node in ("create-network", "list-networks", "no-such-command"):
            self.forbidden(lambda: self.net.stranger.start(self.net.jid("server1"), node))
        self.forbidden(lambda: self.net.stranger.start(self.net.jid("switch1"), "list-policies"))

    def test_a_session_is_bound_to_who_began_it(self) -> None:
        begun = self.net.admin.start(self.net.jid("server1"), "delete-network")
        other = self.net.console()  # the same operator, another resource
        with self.assertRaises(CommandError) as caught:
            other.cancel(begun)
        self.assertEqual(caught.exception.condition, "bad-request")
        self.assertEqual(caught.exception.application, "bad-sessionid")

    def test_invented_sessions_are_refused(self) -> None:
        with self.assertRaises(CommandError) as caught:
            self.net.admin.send_command(
                self.net.jid("server1"), {"node": "delete-network", "sessionid": "made-up"}
            )
        self.assertEqual(caught.exception.application, "bad-sessionid")

    def test_only_configured_servers_may_ask_a_device(self) -> None:
        for console in (self.net.admin, self.net.stranger):
            for kind, request in (
                ("set", f"<hello xmlns='{NAMESPACE}' epoch='9' seq='1'/>"),
                ("get", f"<digests xmlns='{NAMESPACE}'><node path=''/></digests>"),
                ("get", f"<network xmlns='{NAMESPACE}' vnid='4096'/>"),
            ):
                for agent in ("switch1", "server1"):
                    self.forbidden(
                        lambda: console.iq(self.net.jid(agent), kind, request)
                    )


if __name__ == "__main__":
    unittest.main()
