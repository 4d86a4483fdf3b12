"""A private XMPP broker on loopback, in a folder of its own."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import shutil
import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from .certificates import Authority
from .ports import ReservedPort, listening_ports
from .process import ChildProcess
from .waiting import Timeout, wait_until

HOST = "127.0.0.1"
_TAP_FOLDER = Path(__file__).resolve().parent / "tap"
_SCRAM_ITERATIONS = 4096

_CONFIG = """\
run_as_root = true
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
plugin_paths = {{ "{tap}" }}
log = {{ {{ levels = {{ min = "{log_level}" }}, to = "console" }} }}

interfaces = {{ "{host}" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ {direct_port} }}
s2s_ports = {{ }}
c2s_require_encryption = true
allow_unencrypted_plain_auth = false
authentication = "internal_hashed"
default_iteration_count = {iterations}
storage = "internal"

-- mod_limits stays out: its default of 10 KB/s per client is not for a control plane.
modules_enabled = {{ "posix", "roster", "saslauth", "tls", "disco", "ping", "tenet_tap" }}
modules_disabled = {{ "s2s", "s2s_auth_certs", "offline" }}
tenet_tap_file = "{tap_file}"

ssl = {{ certificate = "{certificate}", key = "{key}" }}
c2s_direct_tls_ssl = {{ certificate = "{certificate}", key = "{key}" }}
{extra}
{hosts}
"""


class StartFailure(AssertionError):
    """The broker did not come up."""


class Broker(ABC):
    """What tests may rely on, whichever broker it is."""

    host = HOST
    #: Ports for STARTTLS and for TLS from the first byte; they stay the same over restarts.
    port: int
    direct_tls_port: int
    #: The private CA's certificate, which clients verify the broker with.
    ca_file: Path
    #: Where the tap writes; see `wire.Wire`.
    tap_file: Path
    domains: tuple[str, ...]

    @abstractmethod
    def create_user(self, jid: str, password: str) -> None:
        """Create an account, or give it a new password; before the start or while it runs."""

    @abstractmethod
    def start(self) -> None:
        """Start, and return when clients can log in."""

    @abstractmethod
    def stop(self) -> None:
        """Stop in an orderly way and wait for it."""

    @abstractmethod
    def kill(self) -> None:
        """End at once, as a crash does."""

    @abstractmethod
    def is_running(self) -> bool:
        """Whether the process lives."""

    @abstractmethod
    def close(self) -> None:
        """End whatever runs and give back the ports. The folder stays."""

    def restart(self) -> None:
        """Stop if it runs, and start on the same ports."""
        if self.is_running():
            self.stop()
        self.start()

    def __enter__(self) -> Broker:
        if not self.is_running():
            self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Prosody(Broker):
    """Prosody with its configuration, data, certificates and log below `folder`."""

    def __init__(
        self,
        folder: Path,
        domains: Sequence[str] = ("localhost",),
        *,
        log_level: str = "info",
        extra_config: str = "",
    ) -> None:
        program = shutil.which("prosody")
        if program is None:
            raise StartFailure("the program 'prosody' is not installed")
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "data").mkdir(exist_ok=True)
        self.domains = tuple(domains)
        self.authority = Authority(self.folder / "certs")
        self.certificate = self.authority.host(self.domains, [HOST])
        self.ca_file = self.authority.ca_file
        self.tap_file = self.folder / "stanzas.log"
        self.tap_file.touch()
        self._config = self.folder / "prosody.cfg.lua"
        self._log_level = log_level
        self._extra = extra_config
        self._ports: list[ReservedPort] = []
        self._proved = False
        self._reserve()
        self.process = ChildProcess(
            "prosody",
            [program, "-F", "--config", str(self._config)],
            self.folder,
            self.folder / "prosody.log",
        )

    def _reserve(self) -> None:
        self._release()
        self._ports = [ReservedPort(HOST), ReservedPort(HOST)]
        self.port, self.direct_tls_port = (port.number for port in self._ports)
        self._write_config()

    def _release(self) -> None:
        for port in self._ports:
            port.release()
        self._ports = []

    def _write_config(self) -> None:
        text = _CONFIG.format(
            folder=self.folder,
            tap=_TAP_FOLDER,
            log_level=self._log_level,
            host=HOST,
            port=self.port,
            direct_port=self.direct_tls_port,
            iterations=_SCRAM_ITERATIONS,
            tap_file=self.tap_file,
            certificate=self.certificate.certificate,
            key=self.certificate.key,
            extra=self._extra,
            hosts="\n".join(f'VirtualHost "{domain}"' for domain in self.domains),
        )
        self._config.write_text(text, encoding="utf-8")

    def create_user(self, jid: str, password: str) -> None:
        user, _, domain = jid.partition("/")[0].partition("@")
        if domain not in self.domains:
            raise ValueError(f"{jid}: this broker serves {', '.join(self.domains)}")
        salt = os.urandom(16).hex()
        salted = hashlib.pbkdf2_hmac("sha1", password.encode(), salt.encode(), _SCRAM_ITERATIONS)
        client_key = hmac.digest(salted, b"Client Key", "sha1")
        account = {
            "iteration_count": str(_SCRAM_ITERATIONS),
            "salt": f'"{salt}"',
            "server_key": f'"{hmac.digest(salted, b"Server Key", "sha1").hex()}"',
            "stored_key": f'"{hashlib.sha1(client_key).hexdigest()}"',
        }
        lines = "".join(f'\t["{name}"] = {value};\n' for name, value in account.items())
        store = self.folder / "data" / _encode(domain) / "accounts"
        store.mkdir(parents=True, exist_ok=True)
        draft = store / f"{_encode(user)}.new"
        draft.write_text(f"return {{\n{lines}}};\n", encoding="utf-8")
        draft.rename(store / f"{_encode(user)}.dat")

    def start(self) -> None:
        for _ in range(5):
            log_begin = len(self.process.log())
            self.process.start()
            try:
                self._wait_ready(log_begin)
            except StartFailure:
                self.process.kill()
                if self._proved:
                    raise  # the ports are known to others: they may not change any more
                failure = self.process.tail()
                self._reserve()
                continue
            self._proved = True
            return
        raise StartFailure(f"prosody did not start on any of five pairs of ports\n{failure}")

    def _wait_ready(self, log_begin: int, timeout: float = 15.0) -> None:
        wanted = {self.port, self.direct_tls_port}

        def ready() -> bool:
            if not self.process.is_running():
                raise StartFailure(f"prosody ended\n{self.process.tail()}")
            if "Failed to open server port" in self.process.log()[log_begin:]:
                raise StartFailure(f"prosody lacks a port\n{self.process.tail()}")
            # Its own sockets, not just any answer: else another program could pose as it.
            return wanted <= listening_ports(self.process.pid) and _answers(
                self.port, self.domains[0]
            )

        try:
            wait_until(ready, timeout, "no stream header")
        except Timeout as late:
            raise StartFailure(f"prosody is not ready: {late}\n{self.process.tail()}") from None

    def stop(self) -> None:
        code = self.process.terminate()
        if code != 0:
            raise AssertionError(f"prosody ended with {code}\n{self.process.tail()}")

    def kill(self) -> None:
        self.process.kill()

    def is_running(self) -> bool:
        return self.process.is_running()

    def close(self) -> None:
        try:
            if self.is_running():
                self.stop()
        finally:
            self.kill()
            self._release()


def _encode(name: str) -> str:
    """A node or domain as Prosody spells it in file names."""
    return re.sub(rb"[^0-9A-Za-z]", lambda m: b"%%%02x" % m[0][0], name.encode()).decode()


def _answers(port: int, domain: str) -> bool:
    """Whether a server on the port answers a stream header with its features."""
    header = (
        f"<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    try:
        with socket.create_connection((HOST, port), timeout=2.0) as connection:
            connection.sendall(header.encode())
            answer = b""
            while b"</stream:features>" not in answer:
                part = connection.recv(4096)
                if not part:
                    return False
                answer += part
            connection.sendall(b"</stream:stream>")
            return True
    except OSError:
        return False
