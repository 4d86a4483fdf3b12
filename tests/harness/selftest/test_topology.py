"""Proves `agents` and `topology` with programs that only pose as agents."""

from __future__ import annotations

import os
import sys
import tempfile
import tomllib
import unittest
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from unittest import mock

from ..agents import BINARIES
from ..console import ConnectError
from ..topology import Topology
from ..toml_writer import to_toml
from ..waiting import Timeout

_TESTS = Path(__file__).resolve().parents[2]
_PROGRAM = f"""#!/bin/sh
PYTHONPATH='{_TESTS}' exec '{sys.executable}' -m harness.selftest.pretended_agent "$@"
"""


class TopologyTest(unittest.TestCase):
    """Starting and stopping whole topologies."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="tenet-selftest-")
        self.addCleanup(folder.cleanup)
        for name in BINARIES.values():
            program = Path(folder.name) / name
            program.write_text(_PROGRAM, encoding="utf-8")
            program.chmod(0o755)
        self.temporary = Path(folder.name) / "tmp"
        self.temporary.mkdir()
        settings = {"TENET_BIN": folder.name, "TENET_KEEP": "", "TMPDIR": str(self.temporary)}
        for patch in (
            mock.patch.dict(os.environ, settings),
            mock.patch.object(tempfile, "tempdir", None),
        ):
            patch.start()
            self.addCleanup(patch.stop)

    def test_all_are_ready_and_nothing_is_left_behind(self) -> None:
        with Topology(servers=2, devices=2) as topology:
            self.assertEqual([a.name for a in topology.servers], ["server1", "server2"])
            self.assertEqual([a.name for a in topology.devices], ["switch1", "switch2"])
            self.assertTrue(topology.admin.is_connected())
            self.assertTrue(topology.stranger.is_connected())
            pids = [agent.pid for agent in topology.agents.values()]
            switch = topology.agents["switch1"]
            self.assertEqual(topology.jid("switch1"), "switch1@localhost/device-agent")
            self.assertTrue(switch.log_has("^logged in as switch1@localhost/device-agent$"))
            self.assertFalse(switch.log_has("logged in as switch2"))
            server = topology.agents["server1"]
            config = tomllib.loads(server.config_file.read_text(encoding="utf-8"))
            devices = [{"jid": "switch1@localhost"}, {"jid": "switch2@localhost"}]
            self.assertEqual(config["device"], devices)
            self.assertEqual(config["server"], [{"jid": "server2@localhost"}])
            topology.broker.kill()
            topology.broker.start()
            server.kill()
            server.start()
            topology.agents["server2"].restart()  # these poor agents do not reconnect
            server.wait_log("(?s)logged in.*logged in")
            topology.wait_ready()
            switch.pause()  # closing must cope with it
            topology.agents["switch2"].stop()
            self.assertEqual(topology.agents["switch2"].exit_code, 0)
        self.assertEqual([pid for pid in pids if Path(f"/proc/{pid}").exists()], [])
        self.assertEqual(list(self.temporary.iterdir()), [])

    def test_overrides_reach_the_agent_they_name(self) -> None:
        topology = Topology(
            servers=1,
            devices=2,
            overrides={"switch2": {"capacity": {"acl-entries": 10}, "log": {"level": "info"}}},
            devices_config={"capacity": {"acl-entries": 99, "vms": 5}},
        )
        self.addCleanup(topology.close)
        first, second = (agent.config for agent in topology.devices)
        self.assertEqual(first["capacity"], {"acl-entries": 99, "vms": 5})
        self.assertEqual(second["capacity"], {"acl-entries": 10, "vms": 5})
        self.assertEqual((first["log"]["level"], second["log"]["level"]), ("debug", "info"))
        with self.assertRaisesRegex(ValueError, "switch3"):
            Topology(overrides={"switch3": {}})

    def test_failing_start_shows_the_log(self) -> None:
        overrides = {"switch1": {"pretend": "failure"}}
        with redirect_stdout(StringIO()) as said:
            with self.assertRaisesRegex(AssertionError, "(?s)switch1 ended with 3.*to fail"):
                with Topology(overrides=overrides):
                    self.fail("it must not become ready")
        # server1 may have been stopped before it could take SIGTERM in order: that is said as well.
        told = r"(?m)^while closing: (Also: )?switch1 had ended by itself with 3"
        self.assertRegex(said.getvalue(), told)
        self.assertEqual(list(self.temporary.iterdir()), [])

    def test_a_server_that_never_gets_ready_is_named(self) -> None:
        topology = Topology()
        self.addCleanup(topology.close)
        topology.start()
        topology.agents["server1"].pause()
        with self.assertRaisesRegex(Timeout, "server1: "):
            topology.wait_ready(timeout=3)
        topology.agents["server1"].kill()

    def test_a_dead_agent_is_noticed_at_the_end(self) -> None:
        topology = Topology()
        self.addCleanup(topology.close)
        topology.start()
        topology.wait_ready()
        agent = topology.agents["switch1"]
        os.kill(agent.pid, 9)
        with self.assertRaisesRegex(AssertionError, "switch1 had ended by itself with -9"):
            topology.close()

    def test_keep(self) -> None:
        with mock.patch.dict(os.environ, {"TENET_KEEP": "1"}):
            with redirect_stdout(StringIO()) as said:
                topology = Topology()
                topology.close()
        self.assertEqual(said.getvalue(), f"kept {topology.folder}\n")
        self.assertTrue(topology.broker.tap_file.is_file())
        self.assertTrue(topology.broker.tap_file.is_relative_to(topology.folder))

    def test_missing_program_is_named(self) -> None:
        with mock.patch.dict(os.environ, {"TENET_BIN": "/nowhere"}):
            topology = Topology()
            self.addCleanup(topology.close)
            with self.assertRaisesRegex(FileNotFoundError, "/nowhere/tenet-server-agent is miss"):
                topology.start()
            with self.assertRaises(ConnectError):
                topology.console(timeout=0.0)


class TomlTest(unittest.TestCase):
    """The writer against the standard library's reader."""

    def test_round_trip(self) -> None:
        document = {
            "text": 'a "quoted"\\ line\nwith \x7f, ü and \t',
            "numbers": [1, -2, 2.5],
            "yes": True,
            "empty": [],
            "inline": [[{"a": 1}], []],
            "odd key.": {"x y": 1},
            "baseline": {"reserved-vnids": [1, 2], "rule": [{"id": "1"}, {"id": "2", "t": {}}]},
            "brokers": [{"host": "127.0.0.1", "port": 5222}],
        }
        self.assertEqual(tomllib.loads(to_toml(document)), document)
        self.assertEqual(to_toml({"a": None, "b": {"c": None}}), "[b]\n")
        with self.assertRaises(TypeError):
            to_toml({"a": object()})
