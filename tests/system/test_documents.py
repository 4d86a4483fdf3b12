"""What the README shows is run."""

from __future__ import annotations

import re
import shlex
import subprocess
import unittest
from pathlib import Path

from harness.agents import binary_folder

from .case import SystemTest, policy

README_FOLDER = Path(__file__).resolve().parents[2]
README = (README_FOLDER / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of that language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


class Readme(SystemTest):
    def test_the_configurations_are_valid(self) -> None:
        password = self.net.folder / "password"
        password.write_text("secret\n")
        server, device, console = (
            re.sub(r'password-file = ".*"', f'password-file = "{password}"', block)
            for block in blocks("toml")
        )
        for program, text in (("tenet-server-agent", server), ("tenet-device-agent", device)):
            file = self.net.folder / "readme.toml"
            file.write_text(text)
            result = subprocess.run(
                [binary_folder() / program, "--config", file, "--check"],
                capture_output=True,
                text=True,
            )
            self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_the_table_of_keys_is_the_programs_own(self) -> None:
        documented = set(re.findall(r"`((?:xmpp|agent|datapath|capacity|baseline|log)\.[a-z-]+)`", README))
        found = set()
        for program in ("tenet-server-agent", "tenet-device-agent"):
            for section in ("xmpp", "agent", "datapath", "capacity", "baseline", "log"):
                file = self.net.folder / "keys.toml"
                file.write_text(f"[{section}]\nbogus = 1\n")
                result = subprocess.run(
                    [binary_folder() / program, "--config", file, "--check"],
                    capture_output=True,
                    text=True,
                )
                known = re.search(rf"{section}\.bogus: .*known here are (.*)", result.stderr)
                if known:
                    found |= {f"{section}.{key}" for key in known[1].split(", ")}
        lists = {"xmpp.brokers", "capacity.port", "baseline.rule"}
        self.assertEqual(documented - lists, found - lists)

    def test_the_tour(self) -> None:
        (self.net.folder / "web.xml").write_text(blocks("xml")[0])
        lines = [
            line
            for block in blocks("sh")
            for line in block.splitlines()
            if line.startswith("tenetctl ")
        ]
        self.assertGreater(len(lines), 8)
        seen = {}
        for line in lines:
            words = shlex.split(line, comments=True)
            result = self.run_tenetctl(*words[1:])
            self.assertEqual(result.returncode, 0, f"{line}\n{result.stdout}{result.stderr}")
            seen[" ".join(words[1:3])] = result.stdout
        self.assertIn("web-2", seen["vm list"])
        self.assertIn("deny", seen["device explain"])
        self.assertEqual(self.policies("switch1"), {})

    def test_the_table_of_commands_is_the_agents_own(self) -> None:
        rows = re.findall(r"^\| (server|device) \| `([a-z-]+)` \| (.*) \|$", README, re.MULTILINE)
        documented = {(kind, node): re.findall(r"`([a-z-]+)`", fields) for kind, node, fields in rows}
        found = {}
        for kind, agent in (("server", "server1"), ("device", "switch1")):
            jid = self.net.jid(agent)
            for node in self.net.admin.commands(jid):
                found[kind, node] = list(self.net.admin.form(jid, node).fields)
        self.assertEqual(documented, found)


class BrokerSnippet(SystemTest):
    """What deploy/broker tells the broker, which every test runs with, is understood."""

    def test_agents_work_with_it(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        if self.net.broker.name == "ejabberd":
            return  # it does not even start with what it does not understand
        self.assertNotRegex(self.net.broker.process.log(), r"(?i)\berror\b")


if __name__ == "__main__":
    unittest.main()
