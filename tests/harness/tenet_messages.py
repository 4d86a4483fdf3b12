"""Tenet's IQs as they crossed the broker, and one line of text for each."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .wire import Stanza

NAMESPACE = "urn:tenet:policy:1"
_TENET = f"{{{NAMESPACE}}}"
_STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
_ERROR = "{jabber:client}error"
_MOST_DETAILS = 4
_LONGEST_VALUE = 24


@dataclass(frozen=True)
class TenetMessage:
    """A request with a Tenet payload, or the answer to one (which may be empty or an error)."""

    stanza: Stanza
    #: Missing in an answer that carries no Tenet element.
    payload: ET.Element | None
    #: The request that this answers, if it is an answer and the request was seen.
    request: TenetMessage | None = None

    @property
    def sender(self) -> str:
        """The full JID it came from."""
        return self.stanza.sender

    @property
    def receiver(self) -> str:
        """The full JID it went to."""
        return self.stanza.receiver

    @property
    def type(self) -> str:
        """get, set, result or error."""
        return self.stanza.type

    @property
    def name(self) -> str:
        """The payload's element name: batch, hello, ...; nothing without payload."""
        return "" if self.payload is None else _local(self.payload)

    @property
    def operations(self) -> list[str]:
        """The names of a batch's operations, in order; empty for all else, and for answers."""
        if self.payload is None or self.name != "batch" or self.type != "set":
            return []
        return [_local(child) for child in self.payload]

    @property
    def done(self) -> list[int]:
        """The numbers of the operations which an answer to a batch calls done."""
        element = None if self.payload is None else self.payload.find(f"{_TENET}done")
        return [] if element is None else numbers(element.get("operations", ""))

    @property
    def refused(self) -> dict[int, str]:
        """The numbers of the refused operations, each with its conditions, `conflict ...`."""
        refusals = [] if self.payload is None else self.payload.findall(f"{_TENET}refused")
        return {n: _conditions(r) for r in refusals for n in numbers(r.get("operations", ""))}

    def render(self) -> str:
        """One line for people: who tells whom what."""
        parties = f"{_short(self.sender)} -> {_short(self.receiver)}"
        return f"{parties}  {self.type}  {self._what()}".rstrip()

    def _what(self) -> str:
        if self.type == "error":
            error = self.stanza.element.find(_ERROR)
            return "" if error is None else _condition(error)
        if self.payload is None:
            return ""
        if self.name != "batch":
            return _generic(self.payload)
        if self.type == "set":
            place = f"{self.payload.get('epoch', '?')}.{self.payload.get('seq', '?')}"
            return f"batch({place}): " + ", ".join(_operation(child) for child in self.payload)
        parts = [_answer(child) for child in self.payload]
        return "; ".join(parts)


class MessageReader:
    """Picks Tenet's IQs out of a stream of stanzas; answers are known by their request's id."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, str], TenetMessage] = {}

    def read(self, stanza: Stanza) -> TenetMessage | None:
        """The message in the next stanza, or None if it is none of Tenet's."""
        if stanza.kind != "iq":
            return None
        payload = next((e for e in stanza.element if e.tag.startswith(_TENET)), None)
        request = None
        if stanza.type in ("result", "error"):
            request = self._requests.pop((stanza.receiver, stanza.sender, stanza.id), None)
        if payload is None and request is None:
            return None
        message = TenetMessage(stanza, payload, request)
        if stanza.type in ("get", "set"):
            self._requests[(stanza.sender, stanza.receiver, stanza.id)] = message
        return message


def numbers(text: str) -> list[int]:
    """`1-3 5` -> [1, 2, 3, 5]"""
    found: list[int] = []
    for part in text.split():
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _short(jid: str) -> str:
    """The node names an agent; a JID without one stands for itself."""
    node, at, _ = jid.partition("@")
    return node if at else jid


def _operation(element: ET.Element) -> str:
    name = _local(element)
    if name in ("policy-sync", "policy-update"):
        policy = element.find(f"{_TENET}policy")
        source = element if policy is None else policy
        return f"{name} {source.get('vnid', '?')} r{source.get('revision', '?')}"
    if element.get("vnid") is None:
        return _generic(element)
    vm = element.get("vm")
    return f"{name} {element.get('vnid')}" + (f"/{vm}" if vm is not None else "")


def _answer(element: ET.Element) -> str:
    if _local(element) == "done":
        return f"done {element.get('operations', '')}".rstrip()
    if _local(element) == "refused":
        return f"refused {element.get('operations', '?')} {_conditions(element)}".rstrip()
    return _generic(element)


def _conditions(refused: ET.Element) -> str:
    """The conditions in a <refused>, whose <error> may be in either namespace."""
    errors = [child for child in refused if _local(child) == "error"]
    return _condition(errors[0] if errors else refused)


def _condition(error: ET.Element) -> str:
    """`conflict policy-conflict: text`"""
    names = [_local(e) for e in error if e.tag != f"{_STANZAS}text"]
    text = error.findtext(f"{_STANZAS}text", "").strip()
    return " ".join(names) + (f": {text}" if text else "")


def _generic(element: ET.Element) -> str:
    """An element by its name and attributes, with its first children."""
    head = " ".join([_local(element), *_attributes(element)])
    children = list(element)
    if not children:
        return head
    shown = [" ".join([_local(c), *_attributes(c)]) for c in children[:_MOST_DETAILS]]
    more = len(children) - len(shown)
    return f"{head}: " + ", ".join(shown) + (f", and {more} more" if more else "")


def _attributes(element: ET.Element) -> list[str]:
    cut = {k: v if len(v) <= _LONGEST_VALUE else v[:12] + "..." for k, v in element.items()}
    return [f"{name.rpartition('}')[2]}={value}" for name, value in sorted(cut.items())]
