#!/usr/bin/env python3
"""The schema (xmllint) and the codec (tenet-judge) judge alike: each disagreement is named.

    agree.py examples            schemas/examples: valid, invalid, refused
    agree.py mutations           what one small fault makes of each valid example
    agree.py document            the examples in schemas/PROTOCOL.md
    agree.py wire FILE...        stanzas that crossed a wire: a tap's file, or one stanza a line

The codec may refuse what the schema takes, but only for one of the rules in prose (PROSE below, and
PROTOCOL.md, "Rules beyond the schema"). The schema never refuses what the codec takes.
Ends with 0 if all agree, 1 if not, 2 if it could not find out.
"""

from __future__ import annotations

import argparse
import copy
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMA = REPOSITORY / "schemas" / "tenet-policy-1.xsd"
EXAMPLES = REPOSITORY / "schemas" / "examples"
DOCUMENT = REPOSITORY / "schemas" / "PROTOCOL.md"

NAMESPACE = "urn:tenet:policy:1"
OURS = f"{{{NAMESPACE}}}"
FILES_PER_CALL = 1000

#: What the codec says when it refuses by a rule that XML Schema 1.0 cannot tell.
PROSE = [
    re.compile(pattern)
    for pattern in (
        r"bits behind the length are set",
        r"write an address of 224\.0\.0\.0/4 or ff00::/8",
        r"cannot be the address of a VM",
        r"it is all zeros",
        r"(ports|icmp-type|established|a protocol|protocol \w+) needs? (protocol|ethertype) ",
        r"the ethertype contradicts the prefix",
        r"source and destination are of different IP versions",
        r"write at least one of (from-vm|dscp)",
        r"the policy inside is of VNID",
        r"the policy is of another VNID",
        r"longer than 1023 bytes",
        # Nodes of the two trees share an element.
        r"^node: path is '[0-9a-f]{9,64}'; write hexadecimal digits",
        r"^child: path is '[0-9a-f]{9,64}'; write hexadecimal digits",
        r"^node: the attribute (revision|content) is unknown",
        r"answer is malformed: the element (network|vm) is unknown",
        r"revision and content come together",
        # Answers are whole.
        r"answer is malformed: nothing is said of operation",
        r"answer is malformed: a refusal names no operation, (or )?one twice",
        r"answer is malformed: operations is '",  # the schema has seen to the numbers
        r"answer is malformed: a network that is not there has VMs",
        r"no batch has so many operations",
        # Of documents, not of elements.
        r"a document type is not allowed",
        r"the attribute xsi:schemaLocation is unknown",
    )
]


@dataclass
class Case:
    """A document to be judged by both."""

    name: str
    text: str
    schema: bool = False
    codec: bool = False
    why: str = ""  # the codec's complaint
    complaint: str = ""  # the schema's

    def by_prose(self) -> bool:
        """Whether the codec's complaint is one that only prose can explain."""
        ports = re.search(r"(?:source|destination)-port is '(\d+)-(\d+)'", self.why)
        if ports and int(ports.group(1)) > int(ports.group(2)):
            return True
        return any(pattern.search(self.why) for pattern in PROSE)


class Judges:
    """Runs both programs over many documents at once."""

    def __init__(self, judge: str, xmllint: str) -> None:
        self._judge = judge
        self._xmllint = xmllint

    def judge(self, cases: list[Case]) -> None:
        """Fill in both judgements."""
        with tempfile.TemporaryDirectory(prefix="tenet-agree-") as folder:
            paths = []
            for number, case in enumerate(cases):
                path = Path(folder, f"{number}.xml")
                path.write_text(case.text, encoding="utf-8")
                paths.append(path.name)
            for start in range(0, len(cases), FILES_PER_CALL):
                part = slice(start, start + FILES_PER_CALL)
                self._by_schema(folder, paths[part], cases[part])
                self._by_codec(folder, paths[part], cases[part])

    def _by_schema(self, folder: str, paths: list[str], cases: list[Case]) -> None:
        command = [self._xmllint, "--noout", "--nonet", "--schema", str(SCHEMA), *paths]
        said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if said.returncode not in (0, 1, 3, 4):
            raise RuntimeError(f"xmllint ended with {said.returncode}: {said.stderr[-2000:]}")
        by_name = dict(zip(paths, cases, strict=True))
        for line in said.stderr.splitlines():
            name, _, rest = line.partition(" ")
            if rest == "validates" and name in by_name:
                by_name[name].schema = True
            name, _, rest = line.partition(":")
            if name in by_name and not by_name[name].complaint:
                by_name[name].complaint = rest

    def _by_codec(self, folder: str, paths: list[str], cases: list[Case]) -> None:
        command = [self._judge, *paths]
        said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if said.returncode != 0:
            raise RuntimeError(f"tenet-judge ended with {said.returncode}: {said.stderr[-2000:]}")
        lines = said.stdout.splitlines()
        if len(lines) != len(cases):
            raise RuntimeError(f"tenet-judge judged {len(lines)} of {len(cases)} documents")
        for case, line in zip(cases, lines, strict=True):
            _, judgement, *why = line.split(": ", 2)
            case.codec = judgement == "valid"
            case.why = "".join(why)


def disagreement(case: Case) -> str:
    """What is wrong with a pair of judgements; nothing if they agree, as far as they can."""
    if case.schema == case.codec or (case.schema and case.by_prose()):
        return ""
    if case.schema:
        return f"the schema takes it, the codec says: {case.why}"
    return f"the codec takes it, the schema says: {case.complaint.strip()}"


# ---- examples ----------------------------------------------------------------------------------


def examples() -> list[Case]:
    """Every example, by its folder and name."""
    return [
        Case(f"{path.parent.name}/{path.name}", path.read_text(encoding="utf-8"))
        for path in sorted(EXAMPLES.glob("*/*.xml"))
    ]


def example_fault(case: Case) -> str:
    """What is wrong with an example's place."""
    folder, _, name = case.name.partition("/")
    if folder == "valid":
        if case.schema and case.codec:
            return ""
        return f"schema: {case.complaint or 'valid'}; codec: {case.why or 'valid'}"
    if folder == "invalid":
        base, dashes, _ = name.partition("--")
        if not dashes or not (EXAMPLES / "valid" / f"{base}.xml").is_file():
            return "is not named after a valid example and its fault: BASE--FAULT.xml"
        takers = [who for who, takes in (("schema", case.schema), ("codec", case.codec)) if takes]
        return f"the {' and the '.join(takers)} takes it" if takers else ""
    if folder == "refused":
        if not case.schema:
            return f"the schema does not take it: {case.complaint}"
        if case.codec:
            return "the codec takes it"
        if not case.by_prose():
            return f"the codec refuses it for no rule in PROSE: {case.why}"
        return "" if case.text.startswith("<!-- Refused: ") else "no comment tells the rule"
    return "is in no folder that means anything"


# ---- mutations ---------------------------------------------------------------------------------

#: Values that are right somewhere and wrong elsewhere, at the edges of every type.
VALUES = [
    *("", " ", "0", "1", "-1", "+1", "01", " 1", "1 ", "1.0", "1.255", "1.256", "1.", ".1", "1.01"),
    *("0x10", "1e3", "\u0661", "7", "8", "63", "64", "255", "256", "65535", "65536"),
    *("16777215", "16777216", "16777215.255", "4294967295", "4294967296", "999999", "1000000"),
    *("9999999999999999999", "18446744073709551615", "18446744073709551616"),
    *("99999999999999999999", "184467440737095516150"),
    *("true", "false", "TRUE", "yes", "associated", "pre-associated", "open", "closed", "permit"),
    *("deny", "from-vm", "to-vm", "both"),
    *("22-23", "23-22", "22-", "-22", "22-23-24", "0-65535", "0-65536", "1-3 5", "1-3 2", "1 1"),
    *("1,2", "0-1", "1  2", "2 1"),
    *("ipv4", "ipv6", "arp", "IPv4", "0x0600", "0x05ff", "0xFFFF", "0X0800", "0x800", "0x08000"),
    *("tcp", "udp", "icmp", "icmpv6", "sctp", "TCP", "gre"),
    *("cs0", "cs8", "af11", "af14", "af44", "ef", "va", "le", "EF"),
    *("1bit", "0bit", "1kbit", "1Kbit", "50Mbit", "1Gbit", "1000000Tbit", "1000001Tbit", "bit"),
    *("1000000000000000000bit", "1000000000000000001bit", "1000000000000000kbit", "50 Mbit"),
    *("1000000000000001kbit", "999999999999Mbit", "1000000000001Mbit", "1000000001Gbit", "01Mbit"),
    *("10.0.0.1", "10.0.0.0/8", "10.0.0.1/8", "10.0.0.1/32", "10.0.0.0/33", "10.0.0.0/08", "/8"),
    *("10.0.0.0/", "10.0.0", "10.0.0.256", "10.0.0.01", "0.0.0.0", "0.0.0.0/0", "255.255.255.255"),
    *("239.1.2.3", "10.0.0.1 10.0.0.2", "10.0.0.1,10.0.0.2", "10.0.0.1 10.0.0.1", " 10.0.0.1 "),
    *("::", "::/0", "::1", "1::", "fd00::5", "FD00::5", "ff15::1", "2001:db8::/32", "::1/129"),
    *("2001:db8::1/32", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "::1.2.3.4"),
    *("1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", ":1", "1:", ":::", "12345::", "::1.2.3"),
    *("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5::1.2.3.4", "1:2:3:4:5:6::1.2.3.4", "::1.2.3.04", "g::"),
    *("1:2:3:4::5:6:7:8", "1::8", "fe80::1%eth0", "1.2.3.4::", "::ffff:10.0.0.1/128"),
    *("52:54:00:12:34:56", "52:54:00:AB:CD:EF", "01:00:5e:00:00:01", "00:00:00:00:00:00"),
    *("52-54-00-12-34-56", "52:54:00:12:34", "52:54:00:12:34:5", "52:54:00:12:34:56:78"),
    *("web-1", "-web", "a/b:c.d_e-f", "a b", "a" * 64, "a" * 65, "\u00e9", "A"),
    *("0" * 8, "0" * 9, "0" * 63, "0" * 64, "0" * 65, "A" * 64, "g" * 64, "9f", "9F", "../9"),
    *("a@b", "a@b/c d", "a@b@c", "@b", "a@", "a@b/", "a@b/c/d@e", "a/b@c", "a&b@c", "a b@c"),
    *("a@b c", "a<@b", 'a"@b', "a:@b", "\u00e9@\u00fc/\u00e9", "d" * 1024, "a@" + "d" * 1023),
    *("auth", "cancel", "continue", "modify", "wait", "fatal"),
]


def mutations() -> list[Case]:
    """Each valid example with one small fault, or with something that just looks like one."""
    found: dict[str, Case] = {}
    places: set[tuple[str, ...]] = set()
    for path in sorted((EXAMPLES / "valid").glob("*.xml")):
        root = ET.parse(path).getroot()
        for label, text in _mutations_of(root, places):
            found.setdefault(text, Case(f"{path.stem}: {label}", text))
    return list(found.values())


def _mutations_of(root: ET.Element, places: set[tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    for index, element in enumerate(root.iter()):
        name = _local(element)
        for attribute in element.attrib:
            yield _changed(root, index, f"{name} without {attribute}", _drop(attribute))
            # One example of an attribute is enough for all its values.
            place = (_local(root), name, attribute)
            if place in places:
                continue
            places.add(place)
            for value in VALUES:
                label = f"{name} {attribute}={value[:40]!r}"
                yield _changed(root, index, label, _set(attribute, value))
        if element.tag.startswith(OURS):
            for attribute in ("unknown", "vnid", "vm", "id", "root", "reserve", "from", "path"):
                if attribute not in element.attrib:
                    label = f"{name} with {attribute}"
                    yield _changed(root, index, label, _set(attribute, "1"))
            yield _changed(root, index, f"white space in {name}", _white_space)
            if not _is_open(name):
                yield _changed(root, index, f"text in {name}", _text)
                for child in (f"{OURS}unknown", f"{OURS}rule", "{urn:example:other}rule", "rule"):
                    label = f"{child} in {name}"
                    yield _changed(root, index, label, _append(ET.Element(child)))
        yield _changed(root, index, f"{name} renamed", _rename)
        yield _changed(root, index, f"{name} of another namespace", _move_away)
    yield from _moved_children(root)


def _moved_children(root: ET.Element) -> Iterator[tuple[str, str]]:
    """Children left out, doubled and turned round."""
    for index, element in enumerate(root.iter()):
        for place, child in enumerate(element):
            what = f"{_local(child)} in {_local(element)}"
            yield _changed(root, index, f"no {what}", _remove(place))
            yield _changed(root, index, f"twice {what}", _double(place))
        if len(element) > 1:
            yield _changed(root, index, f"{_local(element)} turned round", _turn_round)


def _is_open(name: str) -> bool:
    """What receivers read leniently, as RFC 6120 has it: errors, and conditions of later versions.

    A condition inside an error is judged by its name and attributes; what is inside it is nothing.
    """
    return name == "error" or (EXAMPLES / "valid" / f"condition-{name}.xml").is_file()


Change = Callable[[ET.Element], object]


def _changed(root: ET.Element, index: int, label: str, change: Change) -> tuple[str, str]:
    result = copy.deepcopy(root)
    element = list(result.iter())[index]
    change(element)
    return label, serialized(result)


def _drop(attribute: str) -> Change:
    return lambda element: element.attrib.pop(attribute)


def _set(attribute: str, value: str) -> Change:
    return lambda element: element.set(attribute, value)


def _append(child: ET.Element) -> Change:
    return lambda element: element.append(copy.deepcopy(child))


def _remove(place: int) -> Change:
    return lambda element: element.remove(element[place])


def _double(place: int) -> Change:
    return lambda element: element.insert(place, copy.deepcopy(element[place]))


def _turn_round(element: ET.Element) -> None:
    element[:] = reversed(list(element))


def _white_space(element: ET.Element) -> None:
    element.text = (element.text or "") + " \n\t"


def _text(element: ET.Element) -> None:
    element.text = (element.text or "") + "text"


def _rename(element: ET.Element) -> None:
    element.tag += "x"


def _move_away(element: ET.Element) -> None:
    element.tag = "{urn:example:other}" + _local(element)


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def serialized(element: ET.Element) -> str:
    """The element as a document of one line."""
    element.tail = None
    return ET.tostring(element, encoding="unicode").replace("\n", "&#10;")


# ---- stanzas -----------------------------------------------------------------------------------


def payloads(stanza: ET.Element) -> Iterator[ET.Element]:
    """What a stanza carries in our namespace: children, and conditions inside its error.

    Policy documents in the forms of commands are text, and not looked into.
    """
    if stanza.tag.startswith(OURS):
        yield stanza
        return
    for child in stanza:
        if child.tag.startswith(OURS):
            yield child
        elif _local(child) == "error":
            yield from (condition for condition in child if condition.tag.startswith(OURS))


def document_examples(text: str) -> Iterator[tuple[int, ET.Element]]:
    """The payloads in the ```xml blocks of a text, with the lines where the blocks begin."""
    for block in re.finditer(r"^```xml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, block.start()) + 2
        try:
            # Several stanzas may stand in one block.
            roots = ET.fromstring(f"<blocks xmlns='jabber:client'>{block.group(1)}</blocks>")
        except ET.ParseError as error:
            raise ValueError(f"the example at line {line} is not well-formed: {error}") from None
        for root in roots:
            for payload in payloads(root):
                yield line, payload


def document() -> list[Case]:
    """The examples of PROTOCOL.md."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return [
        Case(f"PROTOCOL.md:{line} <{_local(payload)}>", serialized(payload))
        for line, payload in document_examples(text)
    ]


def wire(files: Iterable[str]) -> list[Case]:
    """Every different payload on the lines of these files: TIME FATE STANZA, or just a stanza."""
    found: dict[str, Case] = {}
    for file in files:
        for number, line in enumerate(Path(file).read_text(encoding="utf-8").splitlines(), 1):
            start = line.find("<")
            if start < 0:
                continue
            try:
                stanza = ET.fromstring(line[start:])
            except ET.ParseError as error:
                raise ValueError(f"{file}:{number} is not well-formed: {error}") from None
            for payload in payloads(stanza):
                text = serialized(payload)
                found.setdefault(text, Case(f"{file}:{number} <{_local(payload)}>", text))
    return list(found.values())


def _both_refuse(case: Case) -> bool:
    return not case.schema and not case.codec


def collect(mode: str, files: list[str]) -> list[Case]:
    """The documents of a mode."""
    if mode == "wire":
        return wire(files)
    return {"examples": examples, "mutations": mutations, "document": document}[mode]()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--judge", default=os.environ.get("TENET_JUDGE", "tenet-judge"))
    parser.add_argument("--xmllint", default="xmllint")
    parser.add_argument("mode", choices=("examples", "mutations", "document", "wire"))
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    if bool(options.files) != (options.mode == "wire"):
        parser.error("files belong to the mode wire, and it needs some")
    fault = example_fault if options.mode == "examples" else disagreement
    try:
        cases = collect(options.mode, options.files)
        if not cases:
            raise ValueError("there is nothing to judge")
        judge = shutil.which(options.judge)
        if judge is None:
            raise ValueError(f"{options.judge} is missing; build tenet-judge, or set TENET_JUDGE")
        Judges(os.path.abspath(judge), options.xmllint).judge(cases)
    except (OSError, RuntimeError, ValueError) as error:
        print(f"agree.py: {error}", file=sys.stderr)
        return 2
    wrong = [(case, why) for case in cases if (why := fault(case))]
    if options.mode == "document":
        wrong += [(case, f"neither takes it: {case.why}") for case in cases if _both_refuse(case)]
    for case, why in wrong:
        print(f"{case.name}: {why}")
    taken = sum(case.codec for case in cases)
    print(f"{len(cases)} documents, {taken} valid, {len(wrong)} disagreements")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
