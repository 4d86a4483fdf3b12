"""Proves `broker`, `certificates`, `ports` and `process`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from ..broker import HOST, StartFailure
from ..brokers import chosen_broker
from ..certificates import Authority
from ..console import ConnectError, Console
from ..ports import ReservedPort, listening_ports
from ..waiting import wait_until
from .case import BrokerCase


class BrokerTest(BrokerCase):
    """Starting, stopping, accounts and certificates."""

    def test_stop_kill_and_restart_keep_the_ports(self) -> None:
        ports = {self.broker.port, self.broker.direct_tls_port}
        self.assertEqual(listening_ports(self.broker.process.pid), ports)
        first = self.broker.process.pid
        console = self.login()
        self.broker.kill()
        self.assertFalse(self.broker.is_running())
        wait_until(lambda: not console.is_connected(), 5, "the console did not notice")
        self.broker.start()
        self.assertNotEqual(self.broker.process.pid, first)
        self.login()
        self.broker.stop()
        self.assertEqual(self.broker.process.exit_code, 0)
        with self.assertRaises(ConnectError):
            self.login(timeout=3)
        self.broker.restart()
        self.assertEqual(listening_ports(self.broker.process.pid), ports)
        self.assertTrue(self.login().is_connected())

    def test_many_accounts_are_quick_and_also_come_late(self) -> None:
        begin = time.monotonic()
        for number in range(10):
            self.broker.create_user(f"server-{number}.x@localhost", f"pass wörd {number}")
        self.assertLess(time.monotonic() - begin, 2.0)
        self.assertTrue(self.login("server-9.x@localhost", "pass wörd 9").is_connected())
        with self.assertRaisesRegex(ConnectError, "refused name and password"):
            self.login("server-9.x@localhost", "pass wörd 8")
        with self.assertRaises(ValueError):
            self.broker.create_user("x@example.org", "secret")

    def test_certificate_is_verified(self) -> None:
        other = Authority(self.folder / "other").ca_file
        for direct in (False, True):
            with self.subTest(direct_tls=direct):
                self.assertTrue(self.login(direct_tls=direct).is_connected())
                with self.assertRaisesRegex(ConnectError, "(?i)not trusted|certificate"):
                    self.login(ca_file=other, direct_tls=direct)
        # The name counts as well as the CA.
        self.broker.stop()
        wrong = self.broker.authority.host(["elsewhere.example"])
        self.broker.certificate.certificate.write_bytes(wrong.certificate.read_bytes())
        self.broker.certificate.key.write_bytes(wrong.key.read_bytes())
        self.broker.start()
        with self.assertRaisesRegex(ConnectError, "not trusted"):
            self.login()

    def test_client_certificate_names_the_jid(self) -> None:
        pair = self.broker.authority.client("switch1@localhost")
        self.assertTrue(pair.key.is_file())
        command = ["openssl", "x509", "-in", str(pair.certificate), "-noout", "-text"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        self.assertRegex(text, r"XmppAddr:+switch1@localhost")

    def test_second_broker_beside_the_first(self) -> None:
        with chosen_broker()(self.folder / "second") as second:
            self.assertNotEqual(second.port, self.broker.port)
            second.create_user("admin@localhost", "other")
            console = Console()
            self.addCleanup(console.close)
            console.connect("admin@localhost", "other", HOST, second.port, second.ca_file)
            self.assertTrue(self.login().is_connected())
            pid = second.process.pid
        self.assertFalse(Path(f"/proc/{pid}").exists())
        self.assertTrue(self.broker.is_running())

    def test_no_process_is_left(self) -> None:
        for end in (self.broker.stop, self.broker.kill, self.broker.close):
            if not self.broker.is_running():
                self.broker.start()
            self.login()
            family = [self.broker.process.pid, *_descendants(self.broker.process.pid)]
            end()
            wait_until(lambda: not any(map(_lives, family)), 5, f"left over: {family}")

    def test_taken_port_is_found_out(self) -> None:
        fresh = chosen_broker()(self.folder / "fresh")
        self.addCleanup(fresh.close)
        wanted = fresh.port
        with socket.create_server((HOST, wanted)):
            fresh.start()  # nobody knows its ports yet, so it may take others
            self.assertNotEqual(fresh.port, wanted)
            self.assertTrue(fresh.is_running())
        self.broker.kill()
        with socket.create_server((HOST, self.broker.port)):
            with self.assertRaisesRegex(StartFailure, "lacks a port"):
                self.broker.start()
        self.assertFalse(self.broker.is_running())
        self.broker.start()
        self.assertTrue(self.login().is_connected())

    def test_reserved_ports_are_kept_from_others(self) -> None:
        port = ReservedPort()
        self.assertIsNone(ReservedPort._claim(port.number))
        port.release()
        claim = ReservedPort._claim(port.number)
        self.assertIsNotNone(claim)
        claim.close()

    def test_broker_survives_the_thread_but_not_the_process_that_started_it(self) -> None:
        thread = threading.Thread(target=self.broker.restart)
        thread.start()
        thread.join()
        self.assertTrue(self.login().is_connected())
        code = (
            "import sys, pathlib; from harness.brokers import chosen_broker\n"
            "b = chosen_broker()(pathlib.Path(sys.argv[1])); b.start()\n"
            "print(b.process.pid, flush=True)\n"
            "sys.stdin.read()"
        )
        tests = Path(__file__).resolve().parents[2]
        command = [sys.executable, "-c", code, str(self.folder / "third")]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=tests, stdin=pipe, stdout=pipe, text=True) as parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            self.assertTrue(Path(f"/proc/{pid}").exists())
            os.kill(parent.pid, signal.SIGKILL)
        wait_until(lambda: not _lives(pid), 5, "the broker outlived the test")


def _descendants(pid: int) -> list[int]:
    """The process's children and theirs."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += [int(child), *_descendants(int(child))]
    return found


def _lives(pid: int) -> bool:
    """Whether the process exists and is not just waiting to be collected."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
