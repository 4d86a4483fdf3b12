"""A throw-away certificate authority and its certificates, made with the openssl program."""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_XMPP_ADDRESS = "1.3.6.1.5.5.7.8.5"  # id-on-xmppAddr, RFC 6120 section 13.7.1.4


@dataclass(frozen=True)
class Certificate:
    """A certificate in PEM and its private key."""

    certificate: Path
    key: Path


def _openssl(*arguments: str | Path) -> None:
    command = ["openssl", *(str(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")


class Authority:
    """A private CA whose files live in `folder`. Everything it signs is valid for some days."""

    def __init__(self, folder: Path, name: str = "Tenet test CA", days: int = 7) -> None:
        self.folder = folder
        self.days = days
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca_file = folder / "ca.crt"
        self._key = folder / "ca.key"
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", self._key, "-out", self.ca_file, "-days", str(days), "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )  # fmt: skip

    def host(self, domains: Sequence[str], addresses: Sequence[str] = ()) -> Certificate:
        """A server certificate for these domains and IP addresses."""
        names = [f"DNS:{domain}" for domain in domains]
        names += [f"IP:{ipaddress.ip_address(address)}" for address in addresses]
        return self._sign(domains[0], domains[0], ",".join(names), "serverAuth")

    def client(self, jid: str) -> Certificate:
        """A client certificate that names a JID, for SASL EXTERNAL."""
        name = f"otherName:{_XMPP_ADDRESS};UTF8:{jid}"
        return self._sign(jid.replace("@", "-at-").replace("/", "-"), jid, name, "clientAuth")

    def _sign(self, file: str, subject: str, names: str, usage: str) -> Certificate:
        key, request = self.folder / f"{file}.key", self.folder / f"{file}.csr"
        certificate, extensions = self.folder / f"{file}.crt", self.folder / f"{file}.ext"
        extensions.write_text(
            f"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
            f"extendedKeyUsage={usage}\nsubjectAltName={names}\n",
            encoding="utf-8",
        )
        _openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-utf8",
            "-keyout", key, "-out", request, "-subj", "/CN=" + subject.replace("/", "\\/"),
        )  # fmt: skip
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.ca_file, "-CAkey", self._key,
            "-CAcreateserial", "-out", certificate, "-days", str(self.days), "-extfile", extensions,
        )  # fmt: skip
        request.unlink()
        extensions.unlink()
        return Certificate(certificate, key)
