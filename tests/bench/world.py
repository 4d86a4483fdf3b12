"""What every benchmark needs: a broker, a device that enforces in a kernel, and both sides' programs."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.agents import BINARIES, binary_folder
from harness.ejabberd import Ejabberd
from harness.lab import UNDERLAY, Lab
from harness.process import ChildProcess
from harness.prosody import Prosody
from harness.topology import Topology

from . import bare

BROKERS = {"prosody": Prosody, "ejabberd": Ejabberd}


def resident(process: ChildProcess) -> int:
    """Bytes of memory that the process holds."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


class World:
    """A broker with server1, which measures itself, and the device agent switch1 on Linux.

    `ports`: how many interfaces vm0, vm1, ... the device has; with some it has an underlay too.
    """

    def __init__(self, broker: str, *, tap: bool = False, ports: int = 0) -> None:
        self.lab = Lab()
        device = self.lab.device("switch1")
        self.space = device.space
        datapath: dict[str, Any] = {
            "driver": "linux", "record-file": None,
            "network-namespace": self.space.name, "guarded-ports": ["vm*"],
        }  # fmt: skip
        if ports:
            self.lab.underlay(device)
            datapath["underlay"] = UNDERLAY
            self.space.ip(*(f"link add vm{n} up type veth peer far{n}" for n in range(ports)))
        log = {"level": "info"}  # as agents do by default; those of tests say more
        self.net = Topology(
            1, 1,
            broker=functools.partial(BROKERS[broker], tap=tap),
            servers_config={"log": log},
            devices_config={"log": log, "datapath": datapath},
        )  # fmt: skip
        self.server, self.device = self.net.agents["server1"], self.net.agents["switch1"]
        self.server.program = binary_folder() / "tenet-bench-server"
        for name in ("asker", "answerer"):
            bare.add_account(self.net.broker, name)
        self.net.broker.start()

    def steps(self, *steps: str, timeout: float = 900) -> list[dict[str, Any]]:
        """Let a server and a device that know nothing do these steps; returns what each took."""
        self.device.kill()
        self.space.run("nft", "flush", "ruleset")
        for agent in self.net.agents.values():
            for file in agent.folder.glob("state.db*"):
                file.unlink()
        self.device.start()
        return [self.one_line(line) for line in self._server_lines(steps, timeout)]

    def _server_lines(self, steps: tuple[str, ...], timeout: float) -> list[str]:
        self.server.write_config()
        result = subprocess.run(
            [self.server.program, self.server.config_file, *steps],
            capture_output=True, text=True, timeout=timeout, cwd=self.server.folder, check=False,
        )  # fmt: skip
        if result.returncode != 0:
            raise AssertionError(f"{steps}: {result.stderr}\n{self.device.tail()}")
        return result.stdout.splitlines()

    @staticmethod
    def one_line(line: str) -> dict[str, Any]:
        """A line of JSON."""
        found: dict[str, Any] = json.loads(line)
        return found

    # -- the floor -----------------------------------------------------------------------------

    def echo(self, count: int, window: int, vms: int) -> dict[str, Any]:
        """Bare gloox clients: `count` requests for `vms` VMs each, so many of them at a time."""
        broker = self.net.broker
        with bare.answering(broker, "answerer", self.net.folder) as peer:
            more = ("--count", count, "--window", window, "--vms", vms)
            return bare.result(bare.ask(broker, "asker", peer, *more))

    def floor(self, count: int, batch: int) -> dict[str, list[int]]:
        """Durable commits on both sides, and elements in an nftables map, so many VMs at a time.

        Nanoseconds of each.
        """
        folder = self.net.folder / "floor"
        folder.mkdir()
        self.space.run("nft", "add table bridge floor")
        self.space.run("nft", "add map bridge floor floor { type ether_addr : mark; }")
        try:
            done = subprocess.run(
                [binary_folder() / "tenet-floor", folder, self.space.name, str(count), str(batch)],
                capture_output=True, text=True, timeout=300, check=True,
            )  # fmt: skip
        finally:
            self.space.run("nft", "delete table bridge floor")
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
        return self.one_line(done.stdout)

    def server_at_rest(self) -> int:
        """Bytes that a real server agent holds which starts on what the last steps left behind."""
        program, self.server.program = self.server.program, binary_folder() / BINARIES["server"]
        self.server.command[0] = str(self.server.program)
        try:
            self.server.start()
            self.net.renew_consoles()
            self.net.wait_ready(300)
            return resident(self.server)
        finally:
            self.server.kill()
            self.server.program = program

    def restart(self, *, kernel_forgets: bool) -> float:
        """Start the device agent anew; seconds from exec until it is online.

        It goes online when the kernel enforces all that its store holds. `kernel_forgets`: it has to
        load all of it, as after the start of the machine.
        """
        self.device.kill()
        if kernel_forgets:
            self.space.run("nft", "flush", "ruleset")
        self.device.log_file.unlink(missing_ok=True)
        begun = time.time()
        self.device.start()
        self.device.wait_log("info +online", 300)
        (line,) = re.findall(r"(\S+)Z info +online", self.device.log())
        return datetime.fromisoformat(line + "+00:00").timestamp() - begun

    def restart_floor(self) -> dict[str, Any]:
        """Rows read and kernel loaded by the shortest way, from the store of the device."""
        self.device.kill()
        self.space.run("nft", "flush", "ruleset")
        done = subprocess.run(
            [
                binary_folder() / "tenet-floor-restart", self.device.state_file, self.space.name, "vm*",
            ],
            capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
        self.space.run("nft", "flush", "ruleset")
        return self.one_line(done.stdout)

    def close(self) -> None:
        """End everything."""
        self.net.close()
        self.lab.close()
