"""A program that poses as an agent, so that the harness's own test can start real processes.

It understands just enough of an agent's configuration to log in and to serve `list-devices`.
"""

from __future__ import annotations

import signal
import sys
import threading
import tomllib
from pathlib import Path
from typing import Any

from slixmpp import Iq

from ..console import Console


class PretendedAgent(Console):
    """Calls every configured device synchronized, from the second question on."""

    devices: list[str]
    asked = 0

    async def _login(self, *arguments: Any) -> None:
        await super()._login(*arguments)
        client = self._client
        assert client is not None
        client.register_plugin("xep_0050")
        client["xep_0050"].session_bind(client.boundjid)
        client["xep_0050"].add_command(node="list-devices", handler=self._list_devices)

    def _list_devices(self, iq: Iq, session: dict[str, Any]) -> dict[str, Any]:
        assert self._client is not None
        self.asked += 1
        state = "synchronized" if self.asked > 1 else "connecting"
        form = self._client["xep_0004"].make_form("result", "Devices")
        form.add_reported("device")
        form.add_reported("state")
        for device in self.devices:
            form.add_item({"device": device, "state": state})
        session.update(payload=form, next=None, has_next=False)
        return session


def main() -> int:
    """Log in as configured and serve until SIGTERM."""
    end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: end.set())
    config = tomllib.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    xmpp = config["xmpp"]
    if config.get("pretend") == "failure":
        print("pretending to fail", flush=True)
        return 3
    with PretendedAgent() as agent:
        agent.devices = [device["jid"] for device in config.get("device", [])]
        kind = "device" if "datapath" in config else "server"
        jid = f"{xmpp['jid']}/{xmpp.get('resource', kind + '-agent')}"
        broker = xmpp["brokers"][0]
        address = broker["host"], broker["port"]
        agent.connect(jid, xmpp["password"], *address, xmpp["ca-file"])
        print(f"logged in as {agent.jid}", flush=True)
        # In short waits: a signal that another thread takes does not interrupt the main one's wait.
        while not end.wait(0.1):
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
