"""An operator's console: an XMPP client on slixmpp that knows nothing of the agents' code.

slixmpp carries the stream, TLS, SASL and IQs, on an event loop in a thread of its own; the
console's methods are synchronous. Ad-hoc commands are XEP-0050 by the book.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
import xml.etree.ElementTree as ET
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import slixmpp
from slixmpp.exceptions import IqError, IqTimeout

from .commands import COMMANDS, CommandError, ConsoleTimeout, Result
from .forms import Form, Value

T = TypeVar("T")

_DISCO_INFO = "http://jabber.org/protocol/disco#info"
_DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
_MOST_STEPS = 8

logging.getLogger("slixmpp").addHandler(logging.NullHandler())


class ConnectError(ConnectionError):
    """The console could not log in; the text says at which step it failed."""


class _Client(slixmpp.ClientXMPP):
    """Connects to the address it was given, and verifies the certificate for its JID's domain.

    Without this, slixmpp looks up `default_domain` in DNS and ignores the given port.
    """

    async def _pick_dns_answer(self, domain: str, port: int | None = None) -> None:
        return None


class Console:
    """One logged-in client. Methods may be called from any thread but the loop's own."""

    def __init__(self, *, timeout: float = 10.0) -> None:
        #: Seconds that a request may take, unless a call says otherwise.
        self.timeout = timeout
        self.jid = ""
        self._client: _Client | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)
        self._thread.start()

    def connect(
        self,
        jid: str,
        password: str,
        host: str,
        port: int,
        ca_file: Path | str,
        *,
        direct_tls: bool = False,
        timeout: float = 15.0,
    ) -> Console:
        """Log in over TLS verified with exactly this CA; raises `ConnectError`. Returns itself."""
        if self._client is not None:
            raise RuntimeError("this console has connected before; use a new one")
        login = self._login(jid, password, (host, port), Path(ca_file), direct_tls, timeout)
        self._await(login, timeout + 5)
        return self

    def is_connected(self) -> bool:
        """Whether the stream to the broker is open."""
        return self._client is not None and self._client.is_connected()

    def close(self) -> None:
        """Log out and end the thread. Harmless when called twice."""
        if self._loop.is_closed():
            return
        try:
            self._await(self._logout(), 10)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def iq(
        self, to: str, type: str, xml: str | ET.Element, timeout: float | None = None
    ) -> ET.Element:
        """Send an IQ with this payload to an address; returns the reply, the whole <iq>.

        Raises `CommandError` for an error reply, `ConsoleTimeout` if none comes.
        """
        payload = ET.fromstring(xml) if isinstance(xml, str) else xml
        limit = self.timeout if timeout is None else timeout
        return self._await(self._request(to, type, payload, limit), limit + 5)

    def features(self, jid: str) -> set[str]:
        """What an entity announces by service discovery."""
        reply = self.iq(jid, "get", f"<query xmlns='{_DISCO_INFO}'/>")
        return {f.get("var", "") for f in reply.iter(f"{{{_DISCO_INFO}}}feature")}

    def commands(self, agent_jid: str) -> dict[str, str]:
        """The commands that an agent offers to this console: node and name."""
        query = f"<query xmlns='{_DISCO_ITEMS}' node='{COMMANDS}'/>"
        items = self.iq(agent_jid, "get", query).iter(f"{{{_DISCO_ITEMS}}}item")
        return {item.get("node", ""): item.get("name", "") for item in items}

    def execute(
        self, agent_jid: str, node: str, /, *, _timeout: float | None = None, **fields: Value
    ) -> Result:
        """Run a command to its end with these fields, keeping the defaults of the others.

        An underscore in a field's name stands for '-', and one at its end is dropped: `from_`.
        Bad input comes back with status 'executing', the form and a note of type 'error'.
        A field that no form asked for raises KeyError.
        """
        result = self.start(agent_jid, node, _timeout=_timeout)
        return self._complete(result, _field_names(fields), _timeout)

    def start(self, agent_jid: str, node: str, /, *, _timeout: float | None = None) -> Result:
        """Send just the first `execute` of a command."""
        return self.send_command(agent_jid, {"node": node, "action": "execute"}, None, _timeout)

    def table(self, agent_jid: str, node: str, /, **fields: Value) -> list[dict[str, str]]:
        """All rows of a listing, page after page."""
        rows: list[dict[str, str]] = []
        first = "1"
        while first:
            result = self.execute(agent_jid, node, first=first, **fields)
            if result.status != "completed":
                raise AssertionError(f"{node} answered {result.status}: {result.notes}")
            rows += result.rows
            first = result.values.get("next", "")
        return rows

    def form(self, agent_jid: str, node: str, /) -> Form:
        """The form that a command starts with, as it is; the command is then cancelled."""
        result = self.start(agent_jid, node)
        if result.form is None:
            raise AssertionError(f"{node} answered {result.status} without a form")
        self.cancel(result)
        return result.form

    def retry(self, result: Result, *, _timeout: float | None = None, **fields: Value) -> Result:
        """Fill and submit the form that a command sent (again), in the same session."""
        return self._complete(result, _field_names(fields), _timeout)

    def cancel(self, result: Result) -> Result:
        """End a command that is executing."""
        attributes = {"node": result.node, "sessionid": result.session, "action": "cancel"}
        return self.send_command(result.agent, attributes, None, None)

    def send_command(
        self,
        agent_jid: str,
        attributes: dict[str, str],
        form: ET.Element | None = None,
        timeout: float | None = None,
    ) -> Result:
        """Send a <command> with exactly these attributes, however odd, and read the answer."""
        command = ET.Element(f"{{{COMMANDS}}}command", attributes)
        if form is not None:
            command.append(form)
        answer = self.iq(agent_jid, "set", command, timeout).find(f"{{{COMMANDS}}}command")
        if answer is None:
            raise AssertionError(f"{agent_jid} answered a command without <command>")
        return Result.parse(agent_jid, answer)

    def _complete(self, result: Result, given: dict[str, Value], timeout: float | None) -> Result:
        """Submit form after form until the command ends or complains."""
        left = dict(given)
        for _ in range(_MOST_STEPS):
            if result.status != "executing":
                break
            form = result.form or Form("form", "", "", {})
            later = set(left) - set(form.fields)
            step = "next" in result.actions and (later or "complete" not in result.actions)
            here = {k: v for k, v in left.items() if k in form.fields} if step else left
            try:
                filled = form.submit(here)
            except KeyError:
                self.cancel(result)
                raise
            action = "next" if step else "complete"
            attributes = {"node": result.node, "sessionid": result.session, "action": action}
            result = self.send_command(result.agent, attributes, filled, timeout)
            left = {name: value for name, value in left.items() if name not in here}
            if result.errors:
                break
        if result.status == "completed" and left:
            raise KeyError(f"{result.node} completed without asking for {', '.join(sorted(left))}")
        return result

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _await(self, work: Coroutine[Any, Any, T], timeout: float) -> T:
        """Run a coroutine on the loop's thread and wait; it has its own, shorter deadline."""
        if self._loop.is_closed():
            work.close()
            raise ConnectError("this console is closed")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    async def _login(
        self,
        jid: str,
        password: str,
        address: tuple[str, int],
        ca_file: Path,
        direct_tls: bool,
        timeout: float,
    ) -> None:
        client = _Client(jid, password)
        client.loop = self._loop
        client.use_aiodns = False
        client.ssl_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # holds no CA of the system
        client.ca_certs = ca_file
        client.register_plugin("xep_0030")
        client.register_plugin("xep_0199")
        outcome: asyncio.Future[str] = self._loop.create_future()

        def decided(text: str) -> None:
            if not outcome.done():
                outcome.set_result(text)

        failures = {
            "ssl_invalid_chain": "the broker's certificate is not trusted",
            "failed_all_auth": "the broker refused name and password",
            "connection_failed": "no connection",
            "stream_error": "stream error",
            "disconnected": "the broker closed the stream",
        }
        for event, text in failures.items():
            client.add_event_handler(event, lambda data, text=text: decided(f"{text}: {data}"))
        client.add_event_handler("session_start", lambda _: decided(""))
        client.connect(address, use_ssl=direct_tls, force_starttls=not direct_tls)
        client.default_domain = slixmpp.JID(jid).domain  # the name the certificate is checked for
        self._client = client
        try:
            failure = await asyncio.wait_for(outcome, timeout)
        except asyncio.TimeoutError:
            failure = f"no session after {timeout:g} s"
        if failure:
            client.cancel_connection_attempt()
            client.abort()
            raise ConnectError(f"{jid} at {address[0]}:{address[1]}: {failure}")
        self.jid = client.boundjid.full
        client.send_presence()

    async def _logout(self) -> None:
        if self._client is not None:
            self._client.cancel_connection_attempt()
            if self._client.is_connected():
                await self._client.disconnect(wait=2.0)
        me = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not me]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _request(self, to: str, type: str, payload: ET.Element, limit: float) -> ET.Element:
        if self._client is None or not self._client.is_connected():
            raise ConnectError(f"{self.jid or 'this console'} is not connected")
        iq = self._client.make_iq(id=self._client.new_id(), ito=to, itype=type)
        iq.append(payload)
        reply, gone = iq.send(timeout=limit), self._client.disconnected
        await asyncio.wait({reply, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not reply.done():
            reply.cancel()
            raise ConnectError(f"{self.jid}: the stream broke off while waiting for {to}")
        try:
            return reply.result().xml
        except IqError as refused:
            raise CommandError.parse(refused.iq.xml) from None
        except IqTimeout:
            text = f"{to} did not answer {payload.tag} within {limit:g} s"
            raise ConsoleTimeout(text) from None

    def __enter__(self) -> Console:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _field_names(fields: dict[str, Value]) -> dict[str, Value]:
    return {name.rstrip("_").replace("_", "-"): value for name, value in fields.items()}
