"""A private XMPP broker on loopback, in a folder of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Literal

from .certificates import Authority
from .ports import ReservedPort, listening_ports
from .process import ChildProcess
from .waiting import Timeout, wait_until

HOST = "127.0.0.1"
TAP_FOLDER = Path(__file__).resolve().parent / "tap"
SNIPPETS = Path(__file__).resolve().parents[2] / "deploy" / "broker"
SCRAM_ITERATIONS = 4096

#: What a broker says about STARTTLS on its first port.
Encryption = Literal["required", "optional", "none"]


class StartFailure(AssertionError):
    """The broker did not come up."""


@dataclass(frozen=True)
class ScramKeys:
    """What a broker keeps of a password for SCRAM-SHA-1, RFC 5802 section 3."""

    salt: bytes
    stored_key: bytes
    server_key: bytes


def scram_keys(password: str, salt: bytes) -> ScramKeys:
    """The keys of a password after `SCRAM_ITERATIONS`."""
    salted = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, SCRAM_ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha1")
    server_key = hmac.digest(salted, b"Server Key", "sha1")
    return ScramKeys(salt, hashlib.sha1(client_key).digest(), server_key)


class Broker(ABC):
    """What tests may rely on, whichever broker it is: its files are below `folder`."""

    #: The program, as TENET_BROKER names it.
    name: ClassVar[str]
    #: What deploy/broker tells its operators.
    snippet: ClassVar[Path]
    #: How its log says that a port was taken.
    port_failure: ClassVar[str]

    #: The address where it listens.
    host: str
    #: Ports for STARTTLS and for TLS from the first byte; they stay the same over restarts.
    port: int
    direct_tls_port: int
    process: ChildProcess

    def __init__(
        self, folder: Path, domains: Sequence[str], encryption: Encryption, host: str, tap: bool
    ) -> None:
        self.host = host
        self.tap = tap
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.domains = tuple(domains)
        self.encryption = encryption
        self.authority = Authority(self.folder / "certs")
        self.certificate = self.authority.host(self.domains, [host])
        #: The private CA's certificate, which clients verify the broker with.
        self.ca_file = self.authority.ca_file
        #: Where the tap writes; see `wire.Wire`.
        self.tap_file = self.folder / "stanzas.log"
        self.tap_file.touch()
        self._ports: list[ReservedPort] = []
        self._proved = False
        self._reserve()

    @abstractmethod
    def create_user(self, jid: str, password: str) -> None:
        """Create an account, or give it a new password; before the start or while it runs."""

    @abstractmethod
    def _write_config(self) -> None:
        """Write the configuration, before each start."""

    def _account(self, jid: str) -> tuple[str, str]:
        """Node and domain of an account that this broker serves."""
        user, _, domain = jid.partition("/")[0].partition("@")
        if domain not in self.domains:
            raise ValueError(f"{jid}: this broker serves {', '.join(self.domains)}")
        return user, domain

    def _reserve(self) -> None:
        self._release()
        self._ports = [ReservedPort(self.host), ReservedPort(self.host)]
        self.port, self.direct_tls_port = (port.number for port in self._ports)

    def _release(self) -> None:
        for port in self._ports:
            port.release()
        self._ports = []

    def start(self) -> None:
        """Start, and return when clients can log in."""
        for _ in range(5):
            log_begin = len(self.process.log())
            self._write_config()
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
        raise StartFailure(f"{self.name} did not start on any of five pairs of ports\n{failure}")

    def _wait_ready(self, log_begin: int, timeout: float = 30.0) -> None:
        wanted = {self.port, self.direct_tls_port}

        def ready() -> bool:
            if re.search(self.port_failure, self.process.log()[log_begin:]):
                raise StartFailure(f"{self.name} lacks a port\n{self.process.tail()}")
            if not self.process.is_running():
                raise StartFailure(f"{self.name} ended\n{self.process.tail()}")
            # Its own sockets, not just any answer: else another program could pose as it.
            return wanted <= listening_ports(self.process.pid) and _serves(
                self.host, self.direct_tls_port, self.domains[0]
            )

        try:
            wait_until(ready, timeout, "no login is judged")
        except Timeout as late:
            raise StartFailure(
                f"{self.name} is not ready: {late}\n{self.process.tail()}"
            ) from None

    def stop(self) -> None:
        """Stop in an orderly way and wait for it."""
        code = self.process.terminate()
        if code != 0:
            raise AssertionError(f"{self.name} ended with {code}\n{self.process.tail()}")

    def kill(self) -> None:
        """End at once, as a crash does."""
        self.process.kill()

    def is_running(self) -> bool:
        """Whether the process lives."""
        return self.process.is_running()

    def close(self) -> None:
        """End whatever runs and give back the ports. The folder stays."""
        try:
            if self.is_running():
                self.stop()
        finally:
            self.kill()
            self._release()

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


def _serves(host: str, port: int, domain: str) -> bool:
    """Whether a server on the port (direct TLS) judges a login; this one it must refuse.

    Features alone do not tell: ejabberd sends them before it can read accounts.
    """
    header = (
        f"<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    login = (
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
        f"{base64.b64encode(b'%cnobody%cwrong' % (0, 0)).decode()}</auth>"
    )
    tls = ssl.create_default_context()
    tls.check_hostname = False  # the certificate is a matter of the tests
    tls.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=2.0) as connection,
            tls.wrap_socket(connection, server_hostname=domain) as stream,
        ):
            for question, answer in ((header, b"</stream:features>"), (login, b"</failure>")):
                stream.sendall(question.encode())
                received = b""
                while answer not in received:
                    part = stream.recv(4096)
                    if not part:
                        return False
                    received += part
            stream.sendall(b"</stream:stream>")
            return True
    except OSError:
        return False
