"""ejabberd as a private broker, with what deploy/broker says about it."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .broker import HOST, SCRAM_ITERATIONS, SNIPPETS, TAP_FOLDER, Broker, Encryption, StartFailure
from .broker import scram_keys
from .process import ChildProcess

_SCHEMA = Path("/usr/share/ejabberd/sql/lite.new.sql")

# Strings are written as JSON, which is YAML too.
_CONFIG = """\
hosts: {domains}
loglevel: {log_level}
log_rotate_count: 0
certfiles: [{certificate}, {key}]
ca_file: {ca_file}
c2s_cafile: {ca_file}

# Accounts are rows in SQLite, which can be written whether or not the broker runs.
auth_method: sql
auth_password_format: scram
auth_use_cache: false
new_sql_schema: true
sql_type: sqlite
sql_database: {accounts}

listen:
  - {{ port: {port}, ip: {host}, module: ejabberd_c2s, access: c2s, shaper: c2s_shaper,
      max_stanza_size: 262144{starttls} }}
  - {{ port: {direct_port}, ip: {host}, module: ejabberd_c2s, access: c2s, shaper: c2s_shaper,
      max_stanza_size: 262144, tls_verify: true, tls: true }}
access_rules:
  c2s: [{{ allow: all }}]

# Debian's own shaper, which the snippet is there to lift.
shaper:
  normal: {{ rate: 3000, burst_size: 20000 }}
include_config_file: {snippet}

# mod_pres_counter stays out, as the snippet says.
modules:
  mod_disco: {{}}
  mod_ping: {{}}
  mod_roster: {{}}
{tap_module}"""
_STARTTLS: dict[Encryption, str] = {  # tls_verify asks for client certificates, and offers TLS
    "required": ", starttls_required: true, tls_verify: true",
    "optional": ", starttls: true, tls_verify: true",
    "none": "",
}


@dataclass(frozen=True)
class Node:
    """What makes an Erlang node one that others reach, through an epmd of their own."""

    name: str
    cookie: str
    environment: dict[str, str]

    def words(self) -> list[str]:
        """For erl(1)."""
        return [
            "-start_epmd", "false", "-name", self.name, "-setcookie", self.cookie,
            "-kernel", "inet_dist_use_interface", "{127,0,0,1}",
        ]  # fmt: skip

    def call(self, function: str, arguments: str) -> str:
        """Call MODULE FUNCTION [ARGUMENTS] on it; returns the value as Erlang writes it."""
        return subprocess.run(
            ["erl_call", "-name", self.name, "-c", self.cookie, "-a", f"{function} {arguments}"],
            env={**os.environ, **self.environment},
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip


class Ejabberd(Broker):
    """ejabberd with its configuration, data, certificates and log below `folder`.

    Without a `node` it has no name, so that there is neither an epmd nor a cookie to share.
    """

    name = "ejabberd"
    snippet = SNIPPETS / "ejabberd.yml"
    port_failure = "Failed to open socket"

    def __init__(
        self,
        folder: Path,
        domains: Sequence[str] = ("localhost",),
        *,
        log_level: str = "info",
        encryption: Encryption = "required",
        host: str = HOST,
        tap: bool = True,
        node: Node | None = None,
    ) -> None:
        program = shutil.which("erl")
        libraries = sorted(Path("/usr/lib").glob("*/ejabberd-*/ebin"))
        if program is None or not libraries or not _SCHEMA.is_file():
            raise StartFailure("the package 'ejabberd' is not installed")
        super().__init__(folder, domains, encryption, host, tap)
        self._config = self.folder / "ejabberd.yml"
        self._log_level = log_level
        self._accounts = self.folder / "accounts.sqlite"
        self._names: list[str] = []
        self.node = node
        with sqlite3.connect(self._accounts) as database:
            database.executescript(_SCHEMA.read_text(encoding="utf-8"))
        database.close()
        (self.folder / "resolver").write_text("{lookup, [file]}.\n", encoding="utf-8")
        self.process = ChildProcess(
            self.name,
            [
                program, "-noinput", *(node.words() if node else []),
                "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none",  # do not spin when idle
                "-pa", *map(str, libraries), _compiled_tap().name,
                "-os_mon", "start_memsup", "false", "start_disksup", "false",
                "start_cpu_sup", "false",
                "-mnesia", "dir", json.dumps(str(self.folder / "spool")),
                "-s", "ejabberd",
            ],
            self.folder,
            self.folder / "console.log",
            {
                "EJABBERD_CONFIG_PATH": str(self._config),
                "EJABBERD_LOG_PATH": str(self.folder / "ejabberd.log"),
                "ERL_CRASH_DUMP": str(self.folder / "erl_crash.dump"),
                "ERL_INETRC": str(self.folder / "resolver"),
                "HOME": str(self.folder),
                **(node.environment if node else {}),
            },
        )  # fmt: skip

    def _write_config(self) -> None:
        text = _CONFIG.format(
            domains=json.dumps(self.domains),
            log_level=self._log_level,
            certificate=json.dumps(str(self.certificate.certificate)),
            key=json.dumps(str(self.certificate.key)),
            ca_file=json.dumps(str(self.ca_file)),
            accounts=json.dumps(str(self._accounts)),
            host=json.dumps(self.host),
            port=self.port,
            direct_port=self.direct_tls_port,
            starttls=_STARTTLS[self.encryption],
            snippet=json.dumps(str(self._adapted_snippet())),
            tap_module=self._tap_module(),
        )
        self._config.write_text(text, encoding="utf-8")

    def _tap_module(self) -> str:
        file = json.dumps(str(self.tap_file))
        return f"  mod_tenet_tap: {{ tap_file: {file} }}\n" if self.tap else ""

    def _adapted_snippet(self) -> Path:
        """The snippet with this broker's accounts in the place of those in the example."""
        lines = self.snippet.read_text(encoding="utf-8").splitlines(keepends=True)
        examples = [line for line in lines if line.endswith("@example.org\n") and "- " in line]
        assert examples, f"{self.snippet} names no accounts"
        first = lines.index(examples[0])
        indent = examples[0][: examples[0].index("-")]
        kept = [line for line in lines if line not in examples]
        kept[first:first] = [f"{indent}- {name}\n" for name in self._names]
        adapted = self.folder / "snippet.yml"
        adapted.write_text("".join(kept), encoding="utf-8")
        return adapted

    def share(self, other: Ejabberd) -> None:
        """Serve the other's accounts, with its certificate."""
        self.authority, self.ca_file = other.authority, other.ca_file
        self.certificate = other.certificate
        self._accounts, self._names = other._accounts, other._names

    def create_user(self, jid: str, password: str) -> None:
        user, domain = self._account(jid)
        keys = scram_keys(password, os.urandom(16))
        row = (user, domain, *(b64encode(part).decode() for part in (
            keys.stored_key, keys.server_key, keys.salt)), SCRAM_ITERATIONS)  # fmt: skip
        with sqlite3.connect(self._accounts) as database:
            database.execute(
                "INSERT OR REPLACE INTO users"
                " (username, server_host, password, serverkey, salt, iterationcount)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )
        database.close()
        if f"{user}@{domain}" not in self._names:
            self._names.append(f"{user}@{domain}")

    def close(self) -> None:
        # Its folder is of no use any more, and an orderly end takes a second.
        self.kill()
        super().close()


@functools.cache
def _compiled_tap() -> tempfile.TemporaryDirectory[str]:
    """A folder with the tap's module, which goes with this process."""
    folder = tempfile.TemporaryDirectory(prefix="tenet-tap-")
    atexit.register(folder.cleanup)
    source = TAP_FOLDER / "mod_tenet_tap.erl"
    done = subprocess.run(
        ["erlc", "-o", folder.name, source], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise StartFailure(f"erlc {source} failed:\n{done.stdout}{done.stderr}")
    return folder
