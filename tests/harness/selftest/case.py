"""What the harness's own tests share: a broker for each test."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from ..broker import HOST
from ..brokers import chosen_broker
from ..console import Console
from ..tenet_messages import NAMESPACE
from ..wire import Wire
from .responder import Responder

BATCH = f"""<batch xmlns='{NAMESPACE}' epoch='3' seq='17'>
<policy-sync><policy vnid='4096' revision='7'><acl default='deny'/></policy></policy-sync>
<associate vnid='4096' vm='vm1' mac='02:00:00:00:00:01' ip='10.0.0.1' port='p1'/>
<dissociate vnid='4096' vm='vm2'/><policy-withdraw vnid='5000.2'/></batch>"""


class BrokerCase(unittest.TestCase):
    """A running broker with the accounts admin and switch1 for each test."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="tenet-selftest-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.broker = chosen_broker()(self.folder / "broker")
        self.addCleanup(self.broker.close)
        self.broker.create_user("admin@localhost", "secret")
        self.broker.create_user("switch1@localhost", "secret")
        self.broker.start()
        self.wire = Wire(self.broker.tap_file)

    def login(self, jid: str = "admin@localhost", password: str = "secret", **more) -> Console:
        """A console that ends with the test."""
        console = more.pop("console", None) or Console()
        self.addCleanup(console.close)
        port = self.broker.direct_tls_port if more.get("direct_tls") else self.broker.port
        ca_file = more.pop("ca_file", self.broker.ca_file)
        return console.connect(jid, password, HOST, port, ca_file, **more)

    def responder(self) -> Responder:
        """The stand-in for an agent, as switch1."""
        console = self.login("switch1@localhost/device-agent", console=Responder())
        assert isinstance(console, Responder)
        return console
