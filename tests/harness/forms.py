"""Data forms (XEP-0004) as an independent client reads and fills them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

DATA = "{jabber:x:data}"

Value = str | bool | int | Sequence[str]


@dataclass
class Field:
    """One field of a form; `values` are its defaults."""

    var: str
    type: str
    label: str
    values: list[str]
    options: dict[str, str]
    required: bool
    description: str

    @property
    def value(self) -> str:
        """The default as one text; several values are lines."""
        return "\n".join(self.values)

    @classmethod
    def parse(cls, element: ET.Element) -> Field:
        """Read a <field>."""
        options = {
            option.findtext(f"{DATA}value", ""): option.get("label", "")
            for option in element.findall(f"{DATA}option")
        }
        return cls(
            var=element.get("var", ""),
            type=element.get("type", ""),
            label=element.get("label", ""),
            values=[value.text or "" for value in element.findall(f"{DATA}value")],
            options=options,
            required=element.find(f"{DATA}required") is not None,
            description=element.findtext(f"{DATA}desc", ""),
        )


@dataclass
class Form:
    """A form of type `form`, or the `result` with its table."""

    type: str
    title: str
    instructions: str
    fields: dict[str, Field]
    columns: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def parse(cls, element: ET.Element) -> Form:
        """Read an <x xmlns='jabber:x:data'>."""
        fields: dict[str, Field] = {}
        for number, child in enumerate(element.findall(f"{DATA}field")):
            parsed = Field.parse(child)
            fields[parsed.var or f"#{number}"] = parsed  # type fixed needs no var
        reported = element.find(f"{DATA}reported")
        columns = [] if reported is None else [Field.parse(column) for column in reported]
        rows = []
        for item in element.findall(f"{DATA}item"):
            cells = [Field.parse(cell) for cell in item.findall(f"{DATA}field")]
            rows.append({cell.var: cell.value for cell in cells})
        return cls(
            type=element.get("type", ""),
            title=element.findtext(f"{DATA}title", ""),
            instructions="\n".join(i.text or "" for i in element.findall(f"{DATA}instructions")),
            fields=fields,
            columns={column.var: column.label for column in columns},
            rows=rows,
        )

    def submit(self, given: Mapping[str, Value]) -> ET.Element:
        """The filled form: what is given, and the defaults of the rest."""
        unknown = sorted(set(given) - set(self.fields))
        if unknown:
            have = ", ".join(sorted(self.fields)) or "none"
            raise KeyError(f"the form has no field {', '.join(unknown)}; it has: {have}")
        answer = ET.Element(f"{DATA}x", {"type": "submit"})
        for var, form_field in self.fields.items():
            if form_field.type == "fixed":
                continue
            values = form_field.values
            if var in given:
                values = _texts(given[var], form_field.type)
            if not values:
                continue
            element = ET.SubElement(answer, f"{DATA}field", {"var": var})
            if form_field.type:
                element.set("type", form_field.type)
            for text in values:
                ET.SubElement(element, f"{DATA}value").text = text
        return answer


def _texts(value: Value, field_type: str) -> list[str]:
    """A Python value as the <value>s of a field; text-multi has one for each line."""
    if isinstance(value, bool):
        return ["1" if value else "0"]
    if isinstance(value, (str, int)):
        text = str(value)
        return text.splitlines() if field_type == "text-multi" else [text]
    return [str(part) for part in value]
