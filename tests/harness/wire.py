"""Reads what the broker's tap wrote: every stanza between clients, once, in the order routed."""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .tenet_messages import MessageReader, TenetMessage
from .waiting import wait_until

_RECENT = 12


@dataclass(frozen=True)
class Stanza:
    """One routed stanza."""

    #: Seconds since 1970, when the broker routed it
    time: float
    element: ET.Element
    #: Bytes of its XML as the broker writes it
    size: int
    #: Whether a session was there to take it; if not, the broker answers in the receiver's stead.
    delivered: bool

    @property
    def kind(self) -> str:
        """iq, presence or message."""
        return self.element.tag.rpartition("}")[2]

    @property
    def type(self) -> str:
        """The type attribute; nothing if absent."""
        return self.element.get("type", "")

    @property
    def id(self) -> str:
        """The id attribute; nothing if absent."""
        return self.element.get("id", "")

    @property
    def sender(self) -> str:
        """The `from` that the broker stamped."""
        return self.element.get("from", "")

    @property
    def receiver(self) -> str:
        """The `to`."""
        return self.element.get("to", "")

    def xml(self) -> str:
        """The stanza as text."""
        return ET.tostring(self.element, encoding="unicode")


StanzaTest = Callable[[Stanza], bool]
MessageTest = Callable[[TenetMessage], bool]


class Wire:
    """A view on the tap's file. It reads only what is new; each stanza is parsed once.

    A mark is a place between two stanzas. Stanzas that no session was there to take are left out
    unless `bounced` asks for them too.
    """

    def __init__(self, tap_file: Path) -> None:
        self._file = tap_file
        self._offset = 0
        self._stanzas: list[Stanza] = []
        self._messages: list[tuple[int, TenetMessage]] = []  # with the stanza's number
        self._reader = MessageReader()
        self._lock = threading.Lock()

    def mark(self) -> int:
        """The present end, to be given as `since` later."""
        return len(self._read())

    def stanzas(
        self, since: int = 0, predicate: StanzaTest | None = None, *, bounced: bool = False
    ) -> list[Stanza]:
        """The stanzas since a mark for which the predicate holds."""
        return [
            stanza
            for stanza in self._read()[since:]
            if (bounced or stanza.delivered) and (predicate is None or predicate(stanza))
        ]

    def messages(
        self, since: int = 0, predicate: MessageTest | None = None, *, bounced: bool = False
    ) -> list[TenetMessage]:
        """Tenet's IQs since a mark for which the predicate holds.

        An answer after the mark is recognised even if its request came before it.
        """
        self._read()
        return [
            message
            for number, message in self._messages
            if number >= since
            and (bounced or message.stanza.delivered)
            and (predicate is None or predicate(message))
        ]

    def operations(self, since: int = 0, receiver: str | None = None) -> list[str]:
        """The names of all operations in batches since a mark, perhaps just to one receiver."""
        found: list[str] = []
        for message in self.messages(since):
            if receiver is None or message.receiver.partition("/")[0] == receiver.partition("/")[0]:
                found.extend(message.operations)
        return found

    def bytes(self, since: int = 0, predicate: StanzaTest | None = None) -> int:
        """The sum of the stanzas' sizes since a mark."""
        return sum(stanza.size for stanza in self.stanzas(since, predicate))

    def render(self, since: int = 0) -> str:
        """Tenet's IQs since a mark for people, one a line."""
        return "\n".join(message.render() for message in self.messages(since))

    def wait_for(self, predicate: StanzaTest, timeout: float = 10.0, since: int = 0) -> Stanza:
        """Wait for a stanza since a mark, and return the first."""
        found = wait_until(
            lambda: self.stanzas(since, predicate),
            timeout,
            lambda: f"the stanza did not cross the broker. The last were:\n{self._recent(since)}",
        )
        return found[0]

    def wait_for_message(
        self, predicate: MessageTest, timeout: float = 10.0, since: int = 0
    ) -> TenetMessage:
        """Wait for a Tenet IQ since a mark, and return the first."""
        found = wait_until(
            lambda: self.messages(since, predicate),
            timeout,
            lambda: f"the message did not cross the broker. The last were:\n{self._recent(since)}",
        )
        return found[0]

    def _recent(self, since: int) -> str:
        return "\n".join(s.xml() for s in self.stanzas(since, bounced=True)[-_RECENT:]) or "none"

    def _read(self) -> list[Stanza]:
        """Take in the whole lines that were added, and return all stanzas."""
        with self._lock:
            with self._file.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._offset += len(whole)
            for line in whole.split(b"\n")[:-1]:
                stanza = _parse(line)
                message = self._reader.read(stanza)
                if message is not None:
                    self._messages.append((len(self._stanzas), message))
                self._stanzas.append(stanza)
            return self._stanzas


def _parse(line: bytes) -> Stanza:
    time, fate, xml = line.split(b" ", 2)
    return Stanza(float(time), ET.fromstring(xml), len(xml), fate == b"routed")
