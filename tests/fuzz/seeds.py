"""Writes what a fuzz target begins with: inputs, and a dictionary of words, made from the examples
of the schema, from the schema and from the README, so that neither is kept twice.

usage: seeds.py TARGET FOLDER; the inputs go to FOLDER/corpus, the words to FOLDER/words.dict
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "schemas" / "examples"
README = (ROOT / "README.md").read_text(encoding="utf-8")

HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='1' version='1.0'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)


def examples(folder: str = "*") -> Iterator[str]:
    """The documents in schemas/examples."""
    for path in sorted(EXAMPLES.glob(f"{folder}/*.xml")):
        yield path.read_text(encoding="utf-8")


def streams() -> Iterator[bytes]:
    """Streams with an example in a stanza, behind the limits: bytes, depth, size of pieces."""
    limits = bytes([255, 7, 10])
    for example in examples():
        body = re.sub(r"<!--.*?-->", "", example, flags=re.DOTALL)
        stanza = f"<iq type='set' id='1' from='a@b/c'>{body}</iq>\n<presence/></stream:stream>"
        yield limits + (HEADER + stanza).encode()
    yield limits + (HEADER + "<a b='>'><![CDATA[<b> ]] ]]>&lt;&#x41;</a>").encode()


def documents() -> Iterator[bytes]:
    """The examples as they are."""
    return (example.encode() for example in examples())


#: A value for each field of a command; others get "1".
VALUES = {
    "vnid": "4096",
    "vm": "v1",
    "mac": "52:54:00:00:00:01",
    "ip": "10.0.0.1",
    "port": "eth1",
    "devices": "d1@x.example",
    "state": "associated",
    "reserve": "false",
    "from": "b@x.example",
    "direction": "to-vm",
    "protocol": "tcp",
    "ethertype": "ipv4",
    "source": "10.0.0.9",
    "destination": "10.0.0.1",
    "established": "true",
    "policy": "&lt;policy xmlns='urn:tenet:policy:1' vnid='4096' revision='1'/&gt;",
}
COMMAND = "<command xmlns='http://jabber.org/protocol/commands' node='{}'"


def commands() -> list[tuple[str, str, list[str]]]:
    """Agent, command and fields, from the README's table."""
    rows = re.findall(r"^\| (server|device) \| `([a-z-]+)` \| (.*) \|$", README, re.MULTILINE)
    return [(agent, name, re.findall(r"`([a-z-]+)`", fields)) for agent, name, fields in rows]


def conversations() -> Iterator[bytes]:
    """Each command: asked for its form, with its fields, with them in one step, and given up."""
    create = ""
    for agent, name, fields in commands():
        form = "".join(
            f"<field var='{field}'><value>{VALUES.get(field, '1')}</value></field>"
            for field in fields
        )
        begin = COMMAND.format(name)
        filled = f"<x xmlns='jabber:x:data' type='submit'>{form}</x></command>"
        first = b"\1" if agent == "device" else b"\0"
        if name == "create-network":
            create = f"{begin}>{filled}\0"
        known = create if agent == "server" else ""
        for text in (
            f"{begin}/>\0{begin} sessionid='S' action='complete'>{filled}",
            f"{known}{begin}>{filled}",
            f"{begin}/>\0{begin} sessionid='S' action='cancel'/>",
        ):
            yield first + text.encode()


DEVICE = """\
[xmpp]
jid = "switch1@example.org"
password = "secret"
brokers = [{host = "127.0.0.1", port = 5222, tls = "plaintext"}]
reconnect-min = "1s"
[agent]
operators = ["admin@example.org"]
[[server]]
jid = "server1@example.org"
[datapath]
driver = "linux"
guarded-ports = ["vm*", "eth1"]
underlay = "eth0"
vxlan-port = 4789
unsupported = ["mirror"]
repair-interval = "500ms"
[[datapath.queue]]
port = "eth0"
rate = "1Gbit"
[capacity]
acl-entries = 4000
reservation-timeout = "1h"
port-bandwidth = "10Gbit"
[[capacity.port]]
name = "eth1"
bandwidth = "100Mbit"
[baseline]
reserved-vnids = ["1-99", "5000"]
reserved-vnis = ["7"]
reserved-groups = ["239.0.0.0/8"]
[[baseline.rule]]
id = 5
action = "deny"
direction = "to-vm"
protocol = "tcp"
source = "192.0.2.0/24"
[log]
level = "debug"
format = "json"
"""
SERVER = """\
[xmpp]
jid = "server1@example.org"
password = "secret"
max-batch-bytes = 49152
keepalive = "30s"
[agent]
operators = ["admin@example.org"]
request-timeout = "10s"
audit-interval = "5min"
[[device]]
jid = "switch1@example.org"
[[server]]
jid = "server2@example.org/other"
"""


def configurations() -> Iterator[bytes]:
    """A full one for each agent, and those of the README."""
    yield DEVICE.encode()
    yield SERVER.encode()
    for block in re.findall(r"```toml\n(.*?)```", README, re.DOTALL):
        yield block.encode()
        yield re.sub(r'password-file = "[^"]*"', 'password = "secret"', block).encode()


def stories() -> Iterator[bytes]:
    """Choices at random, the same at each run."""
    source = random.Random(1)
    for size in (4, 8, 12, 16, 24, 40, 80, 160):
        for _ in range(4):
            yield source.randbytes(size)


def edits() -> Iterator[bytes]:
    """One edit by hand in each column, of each sort (tests/fuzz/damage.cpp), and the stories."""
    for column in range(16):
        for sort in range(5):
            for row in range(2):
                yield bytes([0, 8, column, row, sort]) + b"\3a b"
    yield from stories()


def schema_words() -> set[str]:
    """Names and values of the schema, and what XML is made of."""
    schema = (ROOT / "schemas" / "tenet-policy-1.xsd").read_text(encoding="utf-8")
    words = set(re.findall(r"(?:name|value)=[\"']([^\"'\\]+)[\"']", schema))
    return words | {"urn:tenet:policy:1", "xmlns", "<![CDATA[", "]]>", "&#", "&lt;", "<!--", "-->"}


def readme_words() -> set[str]:
    """What stands in backquotes: keys, commands, fields, values."""
    return set(re.findall(r"`([^`\n]{1,40})`", README)) | {"[[", "]]", '"""', "= {"}


KINDS: dict[str, tuple[Callable[[], Iterator[bytes]], Callable[[], set[str]]]] = {
    "stream": (streams, schema_words),
    "codec": (documents, schema_words),
    "adhoc": (conversations, readme_words),
    "device-config": (configurations, readme_words),
    "server-config": (configurations, readme_words),
    "device-store": (edits, set),
    "server-store": (edits, set),
    "device-core": (stories, set),
}


def main(target: str, folder: Path) -> None:
    """Write everything for that target."""
    inputs, words = KINDS[target]
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(inputs()):
        (corpus / f"{number}").write_bytes(text)
    quoted = ('"' + "".join(f"\\x{byte:02x}" for byte in word.encode()) + '"' for word in words())
    (folder / "words.dict").write_text("\n".join(sorted(quoted)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in KINDS:
        sys.exit(f"{__doc__}targets: {' '.join(KINDS)}")
    main(sys.argv[1], Path(sys.argv[2]))
