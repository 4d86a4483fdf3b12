"""A stand-in for an agent, for the harness's own test only: slixmpp's command provider."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from slixmpp import Iq
from slixmpp.exceptions import XMPPError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from ..console import Console
from ..tenet_messages import NAMESPACE

_ANSWER = """
<batch xmlns='{space}' epoch='{epoch}' seq='{seq}'><done operations='1-2 4'/>
<refused operations='3'><error type='cancel'>
<conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><policy-conflict xmlns='{space}'/>
</error></refused></batch>
"""


class Responder(Console):
    """Serves a few commands and answers Tenet batches."""

    async def _login(self, *arguments: Any) -> None:
        await super()._login(*arguments)
        client = self._client
        assert client is not None
        client.register_plugin("xep_0050")
        # Plugins set themselves up when the session is bound, which has been.
        client["xep_0050"].session_bind(client.boundjid)
        commands = client["xep_0050"]
        commands.add_command(node="add", name="Add a network", handler=self._add)
        commands.add_command(node="list", name="List networks", handler=self._list)
        commands.add_command(node="steps", name="Two steps", handler=self._steps)
        commands.add_command(node="deny", name="Not for you", handler=self._deny)
        # Its own way of completing never sends a form again, as one should for bad input.
        commands._handle_command_complete = commands._handle_command_next
        self.networks: list[dict[str, str]] = []
        for name, handler in {"batch": self._batch, "silence": lambda iq: None}.items():
            path = f"{{jabber:client}}iq/{{{NAMESPACE}}}{name}"
            client.register_handler(Callback(name, MatchXPath(path), handler))

    def _form(self, instructions: str = "") -> Any:
        form = self._client["xep_0004"].make_form("form", "Add", instructions)
        form.add_field("vnid", "text-single", "VNID", required=True, value="4096")
        form.add_field("revision", "text-single", "Revision", value="1")
        form.add_field("from", "text-single", "From")
        form.add_field("is-enabled", "boolean", "Enabled", value=True)
        form.add_field("policy", "text-multi", "Policy")
        options = [{"label": "one", "value": "s1"}, {"label": "two", "value": "s2"}]
        form.add_field("devices", "list-multi", "Devices", options=options, value=["s1"])
        return form

    def _add(self, iq: Iq, session: dict[str, Any]) -> dict[str, Any]:
        session.update(payload=self._form(), next=self._added, has_next=False)
        return session

    def _added(self, form: Any, session: dict[str, Any]) -> dict[str, Any]:
        given = form["values"]
        if not given["vnid"].isdigit():
            text = f"vnid: not a number: {given['vnid']}"
            session.update(payload=self._form(text), notes=[("error", text)], next=self._added)
            return session
        self.networks.append(
            {
                "vnid": given["vnid"],
                "revision": given["revision"],
                "from": given.get("from") or "",
                "is-enabled": str(given["is-enabled"]),
                "policy": given.get("policy") or "",
                "devices": " ".join(given["devices"]),
            }
        )
        return self._table(session)

    def _list(self, iq: Iq, session: dict[str, Any]) -> dict[str, Any]:
        return self._table(session)

    def _table(self, session: dict[str, Any]) -> dict[str, Any]:
        form = self._client["xep_0004"].make_form("result", "Networks")
        for column in ("vnid", "revision", "from", "is-enabled", "policy", "devices"):
            form.add_reported(column, label=column.upper())
        for row in self.networks:
            form.add_item(row)
        text = "\n".join(row["vnid"] for row in self.networks)
        form.add_field("rows", "text-multi", "Rows", value=text)
        form.add_field("count", "text-single", "Count", value=str(len(self.networks)))
        session.update(payload=form, notes=[("info", "done")], next=None, has_next=False)
        return session

    def _steps(self, iq: Iq, session: dict[str, Any]) -> dict[str, Any]:
        form = self._client["xep_0004"].make_form("form", "Step 1")
        form.add_field("first", "text-single", "First", value="a")
        session.update(payload=form, next=self._step2, has_next=True)
        return session

    def _step2(self, form: Any, session: dict[str, Any]) -> dict[str, Any]:
        session["first"] = form["values"]["first"]
        form = self._client["xep_0004"].make_form("form", "Step 2")
        form.add_field("second", "text-single", "Second", value="b")
        session.update(payload=form, next=self._step3, has_next=False)
        return session

    def _step3(self, form: Any, session: dict[str, Any]) -> dict[str, Any]:
        text = session["first"] + form["values"]["second"]
        session.update(payload=None, notes=[("info", text)], next=None, has_next=False)
        return session

    def _deny(self, iq: Iq, session: dict[str, Any]) -> dict[str, Any]:
        extension, space = "forbidden", NAMESPACE
        raise XMPPError("forbidden", "operators only", "auth", extension, space)

    def _batch(self, iq: Iq) -> None:
        if iq["type"] != "set":
            return
        batch = iq.xml.find(f"{{{NAMESPACE}}}batch")
        values = {"epoch": batch.get("epoch"), "seq": batch.get("seq"), "space": NAMESPACE}
        reply = iq.reply()
        reply.append(ET.fromstring(_ANSWER.format(**values)))
        reply.send()
