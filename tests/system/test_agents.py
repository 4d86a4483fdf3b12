"""The agents as programs: configuration, signals, logs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import unittest

from harness.commands import CommandError

from .case import SystemTest, policy


class Programs(SystemTest):
    shared = True

    def check(self, agent: str, text: str) -> subprocess.CompletedProcess[str]:
        """`--check` of that configuration."""
        file = self.net.folder / "tried.toml"
        file.write_text(text, encoding="utf-8")
        program = self.net.agents[agent].command[0]
        return subprocess.run(
            [program, "--config", str(file), "--check"], capture_output=True, text=True, timeout=20
        )

    def test_check_accepts_the_running_configuration(self) -> None:
        for name in ("server1", "switch1"):
            result = self.check(name, self.net.agents[name].config_file.read_text())
            self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_check_names_every_problem_with_line_and_key(self) -> None:
        result = self.check(
            "switch1",
            "[xmpp]\n"
            "jid = 'no one'\n"
            "password = 5\n"
            "colour = 'red'\n"
            "keepalive = '10 parsecs'\n"
            "brokers = [{host = '127.0.0.1', port = 70000}]\n"
            "[capacity]\n"
            "port-bandwidth = 'fast'\n"
            "[[baseline.rule]]\n"
            "id = 5\n"
            "action = 'allow'\n"
            "[[server]]\n"
            "[datapath]\n"
            "driver = 'asic'\n"
            "unsupported = ['magic']\n",
        )
        self.assertEqual(result.returncode, 1)
        for line, key in (
            (2, "xmpp.jid"),
            (3, "xmpp.password"),
            (4, "xmpp.colour"),
            (5, "xmpp.keepalive"),
            (6, "xmpp.brokers[1].port"),
            (8, "capacity.port-bandwidth"),
            (9, "baseline.rule[1]"),
            (12, "server[1].jid"),
            (14, "datapath.driver"),
            (15, "datapath.unsupported"),
        ):
            self.assertRegex(result.stderr, rf"tried\.toml:{line}: {key.replace('[', '.').replace(']', '.')}: ")

    def test_check_names_ports_that_are_there_twice(self) -> None:
        result = self.check(
            "switch1",
            "[datapath]\ndriver = 'linux'\n"
            "[[datapath.queue]]\nport = 'up0'\nrate = '1Gbit'\n"
            "[[datapath.queue]]\nport = 'up0'\nrate = '2Gbit'\n"
            "[[capacity.port]]\nname = 'up0'\nbandwidth = '1Gbit'\n"
            "[[capacity.port]]\nname = 'up0'\nbandwidth = '2Gbit'\n",
        )
        self.assertEqual(result.returncode, 1)
        for line, key in ((7, "datapath.queue.2..port"), (13, "capacity.port.2..name")):
            self.assertRegex(result.stderr, rf"tried\.toml:{line}: {key}: the port up0 is there twice")

    def test_files_that_are_no_toml_or_missing_are_named(self) -> None:
        result = self.check("server1", "[xmpp\n")
        self.assertEqual(result.returncode, 1)
        self.assertIn("tried.toml:1:", result.stderr)
        program = self.net.agents["server1"].command[0]
        missing = subprocess.run(
            [program, "--config", "/does/not/exist.toml"], capture_output=True, text=True
        )
        self.assertEqual(missing.returncode, 1)
        self.assertIn("/does/not/exist.toml", missing.stderr)

    def test_password_file(self) -> None:
        agent = self.net.agents["server1"]
        agent.stop()
        file = self.net.folder / "password"
        file.write_text(agent.password + "\n", encoding="utf-8")
        agent.config["xmpp"]["password-file"] = str(file)
        del agent.config["xmpp"]["password"]
        agent.start()
        self.net.wait_ready()

    def test_reload_takes_operators_capacity_and_log_level(self) -> None:
        for name in ("server1", "switch1"):
            agent = self.net.agents[name]
            with self.assertRaises(CommandError):
                self.net.stranger.start(agent.jid, "list-vms")
            agent.config["agent"]["operators"].append("stranger@localhost")
            if agent.kind == "device":
                agent.config["capacity"] = {"networks": 0}
            self.reload(agent)
            agent.wait_log("reloaded", 10)
            self.net.stranger.cancel(self.net.stranger.start(agent.jid, "list-vms"))
        self.refused_by_device("server1", "create-network", policy=policy(1))

    def test_reload_adds_and_removes_devices(self) -> None:
        server = self.net.agents["server1"]
        devices = server.config["device"]
        server.config["device"] = []
        self.reload(server)
        self.wait_until(lambda: self.rows("server1", "list-devices") == [], "the device stayed")
        self.done("server1", "create-network", policy=policy(4096))
        server.config["device"] = devices
        self.reload(server)
        self.net.wait_ready()
        self.done("server1", "create-vm", vnid="4096", vm="web-1", mac="52:54:00:00:00:01",
                  devices=[self.net.bare_jid("switch1")])  # fmt: skip
        self.assertEqual(self.vms("switch1"), {"web-1": "associated"})

    def test_a_bad_reload_changes_nothing(self) -> None:
        agent = self.net.agents["switch1"]
        agent.config["agent"]["operators"] = ["not a jid"]
        self.reload(agent)
        agent.wait_log("reload refused", 10)
        self.assertEqual(self.rows("switch1", "list-policies"), [])

    def reload(self, agent) -> None:
        from harness.toml_writer import to_toml

        agent.config_file.write_text(to_toml(agent.config), encoding="utf-8")
        agent.signal(signal.SIGHUP)

    def test_logs_as_json_carry_the_same_trace_on_both_sides(self) -> None:
        for agent in self.net.agents.values():
            agent.config["log"] = {"level": "debug", "format": "json"}
            agent.restart()
        self.net.wait_ready()
        self.done("server1", "create-network", policy=policy(4096))

        def traces(name: str, message: str) -> set[str]:
            lines = self.net.agents[name].log().splitlines()
            events = [json.loads(line) for line in lines if line.startswith("{")]
            return {e["trace"] for e in events if e["message"] == message}

        sent = traces("server1", "operation sent")
        self.assertEqual(len(sent), 1)
        self.assertEqual(sent, traces("switch1", "operation done"))

    def test_passwords_never_show_in_logs(self) -> None:
        for agent in self.net.agents.values():
            agent.config["log"] = {"level": "trace"}
            agent.restart()
        self.net.wait_ready()
        for agent in self.net.agents.values():
            self.assertIn("stanza", agent.log())
            self.assertNotIn(agent.password, agent.log())

    def test_systemd_is_told(self) -> None:
        path = str(self.net.folder / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(20)
            agent = self.net.agents["switch1"]
            agent.stop()
            os.environ["NOTIFY_SOCKET"] = path
            self.addCleanup(os.environ.pop, "NOTIFY_SOCKET", None)
            agent.start()
            self.assertEqual(notify.recv(1000), b"READY=1")
            agent.stop()
            seen = notify.recv(1000)
            while seen != b"STOPPING=1":
                seen = notify.recv(1000)

    def test_a_damaged_store_is_reported_not_served(self) -> None:
        import sqlite3

        self.done("server1", "create-network", policy=policy(4096))
        for name, statement in (
            ("switch1", "DELETE FROM policy"),
            ("server1", "UPDATE network SET document='<policy/>'"),
        ):
            agent = self.net.agents[name]
            agent.stop()
            database = sqlite3.connect(agent.state_file)
            database.execute(statement)
            database.commit()
            database.close()
            result = subprocess.run(agent.command, capture_output=True, text=True, timeout=20)
            self.assertEqual(result.returncode, 1)
            self.assertIn(str(agent.state_file), result.stderr)

    def test_a_store_of_a_newer_program_is_not_touched(self) -> None:
        import sqlite3

        agent = self.net.agents["switch1"]
        agent.stop()
        database = sqlite3.connect(agent.state_file)
        database.execute("PRAGMA user_version=99")
        database.close()
        result = subprocess.run(agent.command, capture_output=True, text=True, timeout=20)
        self.assertEqual(result.returncode, 1)
        self.assertIn("schema version 99", result.stderr)


class RestoredFromBackup(SystemTest):
    def test_an_old_epoch_is_fenced_and_the_option_mends_it(self) -> None:
        import shutil

        server = self.net.agents["server1"]
        server.stop()
        backup = self.net.folder / "backup.db"
        shutil.copy(server.state_file, backup)
        for _ in range(2):
            server.start()
            self.net.wait_ready()
            server.stop()
        shutil.copy(backup, server.state_file)
        server.start()
        self.wait_until(
            lambda: [r["state"] for r in self.try_rows("list-devices")] == ["fenced"],
            "the device did not fence the old epoch",
        )
        (row,) = self.rows("server1", "list-devices")
        self.assertIn("--epoch", row["detail"])
        server.wait_log("a device refuses this server's epoch device=switch1@.*--epoch")
        server.stop()
        plain = list(server.command)
        server.command = [*plain, "--epoch", "100"]
        server.start()
        server.command = plain
        self.net.wait_ready()

    def try_rows(self, node: str) -> list[dict[str, str]]:
        try:
            return self.rows("server1", node)
        except CommandError:
            return []


if __name__ == "__main__":
    unittest.main()
