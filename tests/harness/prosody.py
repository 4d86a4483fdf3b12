"""Prosody as a private broker, with what deploy/broker says about it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from .broker import HOST, SCRAM_ITERATIONS, SNIPPETS, TAP_FOLDER, Broker, Encryption, StartFailure
from .broker import scram_keys
from .process import ChildProcess

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
c2s_require_encryption = {required}
allow_unencrypted_plain_auth = false
authentication = "internal_hashed"
default_iteration_count = {iterations}
storage = "internal"

{snippet}
modules_enabled = {{ "posix", "limits", "roster", "saslauth", "disco", "ping"{tap_module}{tls} }}
tenet_tap_file = "{tap_file}"

ssl = {{ certificate = "{certificate}", key = "{key}" }}
c2s_direct_tls_ssl = {{ certificate = "{certificate}", key = "{key}" }}
{hosts}
"""
_HOST = """\
VirtualHost "{domain}"
  modules_disabled = {{ "s2s", "s2s_auth_certs", "offline" }}
"""


class Prosody(Broker):
    """Prosody with its configuration, data, certificates and log below `folder`."""

    name = "prosody"
    snippet = SNIPPETS / "prosody.cfg.lua"
    port_failure = "Failed to open server port"

    def __init__(
        self,
        folder: Path,
        domains: Sequence[str] = ("localhost",),
        *,
        log_level: str = "info",
        encryption: Encryption = "required",
        host: str = HOST,
        tap: bool = True,
    ) -> None:
        program = shutil.which("prosody")
        if program is None:
            raise StartFailure("the program 'prosody' is not installed")
        super().__init__(folder, domains, encryption, host, tap)
        (self.folder / "data").mkdir(exist_ok=True)
        self._config = self.folder / "prosody.cfg.lua"
        self._log_level = log_level
        self.process = ChildProcess(
            self.name,
            [program, "-F", "--config", str(self._config)],
            self.folder,
            self.folder / "prosody.log",
        )

    def _write_config(self) -> None:
        text = _CONFIG.format(
            folder=self.folder,
            tap=TAP_FOLDER,
            log_level=self._log_level,
            host=self.host,
            port=self.port,
            direct_port=self.direct_tls_port,
            required="true" if self.encryption == "required" else "false",
            tap_module=', "tenet_tap"' if self.tap else "",
            tls="" if self.encryption == "none" else ', "tls"',
            iterations=SCRAM_ITERATIONS,
            tap_file=self.tap_file,
            certificate=self.certificate.certificate,
            key=self.certificate.key,
            snippet=self.snippet.read_text(encoding="utf-8"),
            hosts="\n".join(_HOST.format(domain=domain) for domain in self.domains),
        )
        self._config.write_text(text, encoding="utf-8")

    def create_user(self, jid: str, password: str) -> None:
        user, domain = self._account(jid)
        salt = os.urandom(16).hex()
        keys = scram_keys(password, salt.encode())
        account = {
            "iteration_count": str(SCRAM_ITERATIONS),
            "salt": f'"{salt}"',
            "server_key": f'"{keys.server_key.hex()}"',
            "stored_key": f'"{keys.stored_key.hex()}"',
        }
        lines = "".join(f'\t["{name}"] = {value};\n' for name, value in account.items())
        store = self.folder / "data" / _encode(domain) / "accounts"
        store.mkdir(parents=True, exist_ok=True)
        draft = store / f"{_encode(user)}.new"
        draft.write_text(f"return {{\n{lines}}};\n", encoding="utf-8")
        draft.rename(store / f"{_encode(user)}.dat")


def _encode(name: str) -> str:
    """A node or domain as Prosody spells it in file names."""
    return re.sub(rb"[^0-9A-Za-z]", lambda m: b"%%%02x" % m[0][0], name.encode()).decode()
