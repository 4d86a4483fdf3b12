"""Open Virtual Network on this machine: both databases, northd, a controller, a virtual switch.

`ovn-nbctl` runs as a daemon, as for those to whom the time of its start matters.

The switch has a datapath and ports that only pretend (`dummy`, as in OVN's own tests), so that its
figures leave out what a kernel would cost it. Ours are measured with the kernel.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from harness.namespaces import Namespace
from harness.process import ChildProcess
from harness.waiting import wait_until

_SCHEMAS = {
    "switch": Path("/usr/share/openvswitch/vswitch.ovsschema"),
    "north": Path("/usr/share/ovn/ovn-nb.ovsschema"),
    "south": Path("/usr/share/ovn/ovn-sb.ovsschema"),
}
_RULES = 50
_STARTS = 5  # of a controller that crashes


class Ovn:
    """So many logical switches with 50 ACL rules each, on one hypervisor."""

    def __init__(self, switches: int) -> None:
        self.switches = switches
        self._folder = tempfile.TemporaryDirectory(prefix="tenet-ovn-")
        self.folder = Path(self._folder.name)
        self.space = Namespace()
        self.processes: list[ChildProcess] = []
        self.bound = 0

    def start(self) -> None:
        """Everything, with the switches `sw0`, `sw1`, ..."""
        for name, schema in _SCHEMAS.items():
            self._run("ovsdb-tool", "create", self.folder / f"{name}.db", schema)
            self._daemon(
                f"{name}-db", "ovsdb-server", f"--remote=punix:{self._socket(name)}",
                self._control(f"{name}-db"), self.folder / f"{name}.db",
            )  # fmt: skip
            wait_until(self._socket(name).exists, 20, lambda: f"no {name} database")
        self._switch("--no-wait", "init")
        self._daemon(
            "vswitchd", "ovs-vswitchd", "--enable-dummy", "--disable-system",
            self._control("vswitchd"), f"unix:{self._socket('switch')}",
        )  # fmt: skip
        self._switch(
            "set", "Open_vSwitch", ".", "external-ids:system-id=here",
            f"external-ids:ovn-remote=unix:{self._socket('south')}",
            "external-ids:ovn-encap-type=geneve", "external-ids:ovn-encap-ip=127.0.0.1",
            # A controller that computes for longer than that loses its switch, and what it waited for.
            "external-ids:ovn-openflow-probe-interval=0", "external-ids:ovn-remote-probe-interval=0",
            # Nor may the switch drop what the controller has half sent while it computes.
            "other_config:bundle-idle-timeout=180",
        )  # fmt: skip
        self._switch(
            "add-br", "br-int",
            "--", "set", "bridge", "br-int", "datapath_type=dummy", "fail-mode=secure",
        )  # fmt: skip
        self._daemon(
            "northd", "ovn-northd", self._control("northd"),
            f"--ovnnb-db=unix:{self._socket('north')}", f"--ovnsb-db=unix:{self._socket('south')}",
        )  # fmt: skip
        self._control_switch()
        self._run(
            "ovn-nbctl", f"--db=unix:{self._socket('north')}", "--detach",
            self._control("nbctl"), f"--pidfile={self.folder / 'nbctl.pid'}",
        )  # fmt: skip
        words: list[str] = []
        for switch in range(self.switches):
            words += ["--", "ls-add", f"sw{switch}"]
            for number in range(1, _RULES + 1):
                match = f"ip4.src==10.{number}.0.0/16 && tcp.dst=={1000 + number}"
                words += ["--", "acl-add", f"sw{switch}", "to-lport", str(number), match, "allow"]
        self._north("--wait=hv", *words[1:])

    def _control_switch(self) -> None:
        # Debian's controller ends with a segmentation fault in one of some starts. Its monitor, which
        # would start it anew, is not here, and `--wait=hv` would wait for ever.
        controller = self._daemon("controller", "ovn-controller", f"unix:{self._socket('switch')}")
        for _ in range(_STARTS):
            try:
                self._run(
                    "ovn-nbctl", f"--db=unix:{self._socket('north')}", "--wait=hv", "sync", timeout=10
                )
            except subprocess.TimeoutExpired:
                if controller.is_running():
                    raise
                print(f"ovn-controller ended with {controller.exit_code}: again", file=sys.stderr)
                controller.start()
            else:
                return
        raise RuntimeError(f"ovn-controller ended at each start\n{controller.tail()}")

    def plug(self, count: int) -> None:
        """So many interfaces, each saying which logical port it is. Not part of what is measured."""
        words: list[str] = []
        for number in range(count):
            words += [
                "--", "add-port", "br-int", f"p{number}",
                "--", "set", "Interface", f"p{number}", "type=dummy",
                f"external_ids:iface-id=p{number}",
            ]  # fmt: skip
        self._switch(*words[1:])

    def bind(self, count: int) -> float:
        """The next so many ports, in one transaction; seconds until the hypervisor has them."""
        words: list[str] = []
        for number in range(self.bound, self.bound + count):
            address = f"02:00:00:00:{number >> 8:02x}:{number & 255:02x} 10.0.{number >> 8}.{number & 255}"
            words += ["--", "lsp-add", f"sw{number % self.switches}", f"p{number}"]
            words += ["--", "lsp-set-addresses", f"p{number}", address]
        self.bound += count
        begun = time.monotonic()
        self._north("--wait=hv", *words[1:])
        return time.monotonic() - begun

    def close(self) -> None:
        """End everything."""
        pid_file = self.folder / "nbctl.pid"
        if pid_file.exists():
            os.kill(int(pid_file.read_text(encoding="ascii")), signal.SIGKILL)
        for process in reversed(self.processes):
            process.kill()
        self.space.close()
        self._folder.cleanup()

    def _socket(self, name: str) -> Path:
        return self.folder / f"{name}.sock"

    def _control(self, name: str) -> str:
        return f"--unixctl={self.folder / name}.ctl"

    def _switch(self, *words: str) -> None:
        self._run("ovs-vsctl", f"--db=unix:{self._socket('switch')}", *words)

    def _north(self, *words: str) -> None:
        self._run("ovn-nbctl", "-u", self.folder / "nbctl.ctl", *words, timeout=600)

    def _environment(self) -> list[str]:
        names = ("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVN_RUNDIR", "OVN_DBDIR", "OVN_LOGDIR")
        return ["env", *(f"{name}={self.folder}" for name in names)]

    def _run(self, *words: str | Path, timeout: float = 60) -> None:
        self.space.run(*self._environment(), *words, timeout=timeout)

    def _daemon(self, name: str, *words: str | Path) -> ChildProcess:
        all_words: Iterable[str | Path] = [*self._environment(), *words]
        daemon = self.space.program(name, list(all_words), self.folder)
        self.processes.append(daemon)
        return daemon
