"""tenetctl against running agents: verbs, exit codes, JSON."""

from __future__ import annotations

import re
import unittest

from .case import SystemTest, mac, policy

DONE, REFUSED, USAGE, PENDING, UNREACHABLE, FORBIDDEN = range(6)


class Tenetctl(SystemTest):
    shared = True
    servers = 2
    devices = 2

    def setUp(self) -> None:
        super().setUp()
        (self.net.folder / "web.xml").write_text(policy(4096, 1, "<qos class='1'/>"))
        self.tenetctl("network", "create", "web.xml")
        self.tenetctl("vm", "create", "4096", "web-1", "--mac", mac(1), "--ip", "10.0.0.1,fd00::1")

    def test_networks_and_vms(self) -> None:
        self.tenetctl("network", "create", "web.xml")  # the same again is no fault
        self.assertEqual(self.vms("switch1"), {"web-1": "associated"})
        self.tenetctl(
            "vm", "create", "4096", "web-2", "--mac", mac(2), "--pre-associate", "--reserve",
            "--devices", "switch1",
        )  # fmt: skip
        self.assertEqual(self.vms("switch1")["web-2"], "pre-associated")
        self.assertNotIn("web-2", self.vms("switch2"))
        self.tenetctl("vm", "activate", "4096", "web-2")
        self.assertEqual(self.vms("switch1")["web-2"], "associated")
        (self.net.folder / "web2.xml").write_text(policy(4096, 2, "<qos class='2'/>"))
        self.tenetctl("network", "change", "web2.xml")
        shown = self.run_tenetctl("device", "policy", "switch2", "4096")
        self.assertIn('class="2"', shown.stdout)
        self.tenetctl("vm", "remove", "4096", "web-2")
        self.tenetctl("vm", "remove", "4096", "web-1")
        self.tenetctl("network", "delete", "4096")
        self.assertEqual(self.tenetctl("network", "list")["rows"], [])

    def test_listings_are_tables_and_json(self) -> None:
        plain = self.run_tenetctl("vm", "list")
        self.assertEqual(plain.returncode, DONE)
        self.assertEqual(plain.stdout.split()[:3], ["VNID", "VM", "MAC"])
        rows = self.tenetctl("vm", "list", "4096")["rows"]
        self.assertEqual([r["delivery"] for r in rows], ["enforced", "enforced"])
        self.assertEqual(
            [r["state"] for r in self.tenetctl("device", "list")["rows"]], ["synchronized"] * 2
        )
        self.assertEqual(self.tenetctl("device", "capacity", "switch1")["rows"][0]["used"], "1")
        verdict = self.tenetctl(
            "device", "explain", "switch1", "4096", "web-1", "--direction", "to-vm"
        )
        self.assertEqual(verdict["rows"][0]["verdict"], "permit")

    def test_wait_names_the_laggards_and_ends_when_there_are_none(self) -> None:
        done = self.tenetctl("wait", "4096", "--timeout", "20")
        self.assertEqual([r["enforced"] for r in done["rows"]], ["1", "1"])
        self.assertTrue(all(r["since"] for r in done["rows"]))
        self.tenetctl("wait", "77", expect=REFUSED)
        self.net.agents["switch2"].stop()
        (self.net.folder / "web2.xml").write_text(policy(4096, 2, "<qos class='2'/>"))
        self.tenetctl("network", "change", "web2.xml", expect=PENDING)
        late = self.tenetctl("wait", "4096", "--timeout", "0", expect=PENDING)
        self.assertEqual([r["enforced"] for r in late["rows"]], ["2", "1"])
        self.assertIn("switch2", late["notes"][-1]["text"])
        self.assertIn("unreachable", late["notes"][-1]["text"])
        self.tenetctl("wait", "4096", "--reachable", "--timeout", "20")
        self.net.agents["switch2"].start()
        self.tenetctl("wait", "4096", "--all", "--timeout", "20")

    def test_migration_runs_both_halves(self) -> None:
        self.tenetctl("vm", "migrate", "4096", "web-1", "--from", "server1", "--to", "server2")
        self.assertEqual(self.rows("server1", "list-vms"), [])
        self.assertEqual({r["server"] for r in self.rows("switch1", "list-vms")}, {"server2@localhost"})

    def test_a_migration_that_is_refused_leaves_the_vm_where_it_is(self) -> None:
        result = self.run_tenetctl(
            "vm", "migrate", "4096", "web-1", "--from", "server1", "--to", "server2",
            "--mac", "01:00:00:00:00:00",
        )  # fmt: skip
        self.assertEqual(result.returncode, REFUSED)
        self.assertEqual({r["server"] for r in self.rows("switch1", "list-vms")}, {"server1@localhost"})
        self.assertEqual(self.vms("switch1"), {"web-1": "associated"})

    def test_exit_codes(self) -> None:
        taken = ("vm", "create", "4096", "web-2", "--mac", mac(1))
        answer = self.tenetctl(*taken, expect=REFUSED)
        self.assertTrue(answer["notes"][0]["text"].startswith("vm-conflict:"))
        self.assertEqual(self.run_tenetctl("vm", "create", "4096").returncode, USAGE)
        self.assertEqual(self.run_tenetctl("network", "create", "missing.xml").returncode, USAGE)
        self.tenetctl("exec", "server1", "create-vm", "colour=red", expect=USAGE)
        self.tenetctl("--timeout", "2", "--broker", "127.0.0.1:1", "vm", "list", expect=UNREACHABLE)
        self.tenetctl("commands", "nobody@localhost/server-agent", expect=UNREACHABLE)
        (self.net.folder / "stranger").write_text("stranger-password\n")
        who = ("--jid", "stranger@localhost", "--password-file", "stranger")
        self.tenetctl(*who, "vm", "list", expect=FORBIDDEN)
        self.net.agents["switch2"].stop()
        self.wait_until(
            lambda: "offline" in [r["state"] for r in self.rows("server1", "list-devices")],
            "server1 did not notice that switch2 is gone",
        )
        self.tenetctl("vm", "create", "4096", "web-3", "--mac", mac(3), expect=PENDING)

    def test_rules_that_can_never_match_are_warned_of_and_are_no_failure(self) -> None:
        rules = (
            "<acl default='deny'>"
            "<rule id='10' action='permit' direction='to-vm' protocol='tcp' source='10.0.0.0/8'/>"
            "<rule id='20' action='deny' direction='to-vm' protocol='tcp' source='11.0.0.0/8'/>"
            "<rule id='30' action='deny' direction='to-vm' protocol='tcp' source='10.1.0.0/16'/>"
            "</acl>"
        )
        warning = (
            "acl rule 30 can never match: rule 10 (permit to-vm ipv4 tcp from 10.0.0.0/8) covers it"
        )
        (self.net.folder / "acl.xml").write_text(policy(4097, 1, rules))
        answer = self.tenetctl("network", "create", "acl.xml")
        self.assertIn({"type": "warn", "text": warning}, answer["notes"])
        self.assertEqual(self.policies("switch1")["4097"], "1")
        self.net.agents["switch1"].wait_log(re.escape(warning))
        (self.net.folder / "acl.xml").write_text(policy(4097, 2, rules))
        plain = self.run_tenetctl("network", "change", "acl.xml")
        self.assertEqual(plain.returncode, DONE)
        self.assertIn(f"warning: {warning}\n", plain.stderr)

    def test_any_command_of_any_agent(self) -> None:
        nodes = [r["command"] for r in self.tenetctl("commands", "switch1")["rows"]]
        self.assertIn("show-capacity", nodes)
        fields = [r["field"] for r in self.tenetctl("describe", "server1", "create-vm")["rows"]]
        self.assertEqual(fields[:3], ["vnid", "vm", "mac"])
        rows = self.tenetctl("exec", self.net.bare_jid("switch1"), "list-vms", "vnid=4096")["rows"]
        self.assertEqual(len(rows), 1)

    def test_help_teaches_every_verb_with_an_example(self) -> None:
        text = self.run_tenetctl("--help").stdout
        for words in ("network create", "vm migrate", "device explain", "resync", "exec"):
            self.assertIn(f"tenetctl {words}", text)
        self.assertIn("3", text)


class WaitInVain(SystemTest):
    options = {"devices_config": {"datapath": {"unsupported": ["inspect"]}}}

    def test_wait_ends_with_a_refusal(self) -> None:
        self.done("server1", "create-network", policy=policy(4096, 1))
        self.net.agents["switch1"].stop()
        document = policy(4096, 2, "<intrusion-prevention queue='7'/>")
        self.run_command("server1", "change-policy", policy=document)
        self.net.agents["switch1"].start()
        refused = self.tenetctl("wait", "4096", "--timeout", "20", expect=REFUSED)
        self.assertIn("intrusion-prevention", refused["notes"][-1]["text"])
        self.assertEqual([r["enforced"] for r in refused["rows"]], ["1"], "the old one stays")


if __name__ == "__main__":
    unittest.main()
