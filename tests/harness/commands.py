"""What an ad-hoc command (XEP-0050) answered, as tests look at it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from .forms import DATA, Form

COMMANDS = "http://jabber.org/protocol/commands"
_CLIENT = "{jabber:client}"
_STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
_ACTIONS = ("prev", "next", "complete")


class ConsoleTimeout(TimeoutError):
    """A request went without an answer; the text names the peer, the request and the time."""


class CommandError(Exception):
    """A request was answered with an IQ error."""

    def __init__(self, condition: str, text: str, element: ET.Element | None) -> None:
        super().__init__(f"{condition}: {text}" if text else condition)
        self.condition = condition
        self.text = text
        #: The <error> itself.
        self.element = element

    @property
    def application(self) -> str:
        """The name of the application's own condition, or nothing."""
        others = [] if self.element is None else [e for e in self.element if _STANZAS not in e.tag]
        return others[0].tag.rpartition("}")[2] if others else ""

    @classmethod
    def parse(cls, iq: ET.Element) -> CommandError:
        """Read the <error> of an <iq>."""
        error = iq.find(f"{_CLIENT}error")
        children = [] if error is None else [e for e in error if e.tag.startswith(_STANZAS)]
        names = [e.tag.removeprefix(_STANZAS) for e in children]
        conditions = [name for name in names if name != "text"] or ["undefined-condition"]
        text = "" if error is None else error.findtext(f"{_STANZAS}text", "")
        return cls(conditions[0], text, error)


@dataclass
class Result:
    """One answer to a command: its end, or the next form."""

    agent: str
    node: str
    session: str
    #: completed, executing or canceled
    status: str
    #: (type, text); type is info, warn or error
    notes: list[tuple[str, str]]
    #: What may be done next: prev, next, complete
    actions: set[str]
    #: The form to fill, when executing
    form: Form | None
    #: The form of type result, when completed
    result: Form | None
    element: ET.Element = field(repr=False)

    @property
    def rows(self) -> list[dict[str, str]]:
        """The rows of the result's table."""
        return [] if self.result is None else self.result.rows

    @property
    def text(self) -> str:
        """What the result's text-multi fields say, the same rows for people."""
        fields = [] if self.result is None else self.result.fields.values()
        return "\n".join(f.value for f in fields if f.type == "text-multi")

    @property
    def values(self) -> dict[str, str]:
        """The result's single fields by name."""
        fields = {} if self.result is None else self.result.fields
        return {var: f.value for var, f in fields.items() if f.type not in ("text-multi", "fixed")}

    @property
    def errors(self) -> list[str]:
        """The texts of the notes of type error."""
        return [text for kind, text in self.notes if kind == "error"]

    @classmethod
    def parse(cls, agent: str, command: ET.Element) -> Result:
        """Read a <command>."""
        space = f"{{{COMMANDS}}}"
        x = command.find(f"{DATA}x")
        form = None if x is None else Form.parse(x)
        actions = command.find(f"{space}actions")
        offered = set() if actions is None else {a.tag.removeprefix(space) for a in actions}
        return cls(
            agent=agent,
            node=command.get("node", ""),
            session=command.get("sessionid", ""),
            status=command.get("status", ""),
            notes=[(n.get("type", "info"), n.text or "") for n in command.findall(f"{space}note")],
            actions=offered & set(_ACTIONS),
            form=form if form is not None and form.type == "form" else None,
            result=form if form is not None and form.type == "result" else None,
            element=command,
        )
