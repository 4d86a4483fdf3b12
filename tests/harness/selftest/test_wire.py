"""Proves the broker's tap, `wire` and `tenet_messages`."""

from __future__ import annotations

import tempfile
import threading
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

from ..commands import CommandError
from ..tenet_messages import NAMESPACE, numbers
from ..waiting import Timeout
from ..wire import Wire
from .case import BATCH, BrokerCase


class WireTest(BrokerCase):
    """What the tap writes and how it is read."""

    def setUp(self) -> None:
        super().setUp()
        self.agent = self.responder()
        self.admin = self.login("admin@localhost/console")

    def test_each_stanza_is_seen_once(self) -> None:
        begin = self.wire.mark()
        for number in range(20):
            xml = f"<batch xmlns='{NAMESPACE}' epoch='1' seq='{number}'/>"
            self.admin.iq(self.agent.jid, "set", xml)
        seen = [(s.type, s.sender, s.receiver) for s in self.wire.stanzas(begin)]
        there = ("set", "admin@localhost/console", "switch1@localhost/device-agent")
        back = ("result", "switch1@localhost/device-agent", "admin@localhost/console")
        self.assertEqual(seen, [there, back] * 20)
        seqs = [m.payload.get("seq") for m in self.wire.messages(begin, lambda m: m.request)]
        self.assertEqual(seqs, [str(number) for number in range(20)])
        self.assertGreater(self.wire.bytes(begin), 20 * 2 * 100)
        self.assertEqual(self.wire.bytes(self.wire.mark()), 0)

    def test_directed_presence_and_bounces(self) -> None:
        begin = self.wire.mark()
        self.admin._loop.call_soon_threadsafe(
            lambda: self.admin._client.send_presence(pto=self.agent.jid, pstatus="a\nb")
        )
        seen = self.wire.wait_for(lambda s: s.kind == "presence", since=begin)
        self.assertEqual((seen.sender, seen.receiver), (self.admin.jid, self.agent.jid))
        self.assertEqual(seen.element.findtext("{jabber:client}status"), "a\nb")
        self.admin.close()  # the broker tells whom it had told of the presence
        self.wire.wait_for(lambda s: s.type == "unavailable", since=begin)
        self.assertEqual(len(self.wire.stanzas(begin)), 2)
        with self.assertRaises(CommandError):
            self.agent.iq("admin@localhost/gone", "set", BATCH)
        self.assertEqual(len(self.wire.stanzas(begin)), 2)
        self.assertEqual(len(self.wire.messages(begin, bounced=True)), 1)
        with self.assertRaises(CommandError):
            self.agent.iq("admin@localhost", "set", BATCH)  # the broker answers for an account
        self.assertEqual(len(self.wire.stanzas(begin)), 2)

    def test_nothing_with_a_password_is_recorded(self) -> None:
        self.login(password="secret")
        text = self.broker.tap_file.read_text(encoding="utf-8")
        self.assertNotIn("sasl", text)
        self.assertNotIn("roster", text)

    def test_batches_read_like_sentences(self) -> None:
        begin = self.wire.mark()
        self.admin.iq(self.agent.jid, "set", BATCH)
        request, answer = self.wire.messages(begin)
        names = ["policy-sync", "associate", "dissociate", "policy-withdraw"]
        self.assertEqual(request.operations, names)
        self.assertEqual(self.wire.operations(begin, "switch1@localhost"), names)
        self.assertEqual(self.wire.operations(begin, "admin@localhost"), [])
        self.assertEqual(request.payload[1].get("port"), "p1")
        self.assertIs(answer.request, request)
        self.assertEqual(answer.done, [1, 2, 4])
        self.assertEqual(answer.refused, {3: "conflict policy-conflict"})
        self.assertEqual(
            self.wire.render(begin).splitlines(),
            [
                "admin -> switch1  set  batch(3.17): policy-sync 4096 r7, associate 4096/vm1, "
                "dissociate 4096/vm2, policy-withdraw 5000.2",
                "switch1 -> admin  result  done 1-2 4; refused 3 conflict policy-conflict",
            ],
        )

    def test_other_payloads_and_errors_are_rendered(self) -> None:
        begin = self.wire.mark()
        children = "".join(f"<digest vnid='{n}' value='{'a' * 64}'/>" for n in range(6))
        xml = f"<digests xmlns='{NAMESPACE}' root='x'>{children}</digests>"
        with self.assertRaises(CommandError):
            self.admin.iq(self.agent.jid, "get", xml)
        first, second = self.wire.render(begin).splitlines()
        self.assertEqual(
            first.partition("digest value")[0], "admin -> switch1  get  digests root=x: "
        )
        self.assertTrue(first.endswith("and 2 more"), first)
        self.assertTrue(second.startswith("switch1 -> admin  error  feature-not-implemented"))

    def test_waiting_finds_what_comes_and_says_what_did_not(self) -> None:
        begin = self.wire.mark()
        timer = threading.Timer(0.1, self.admin.iq, (self.agent.jid, "set", BATCH))
        timer.start()
        self.addCleanup(timer.join)
        found = self.wire.wait_for_message(lambda m: m.type == "result", 5, begin)
        self.assertEqual(found.name, "batch")
        with self.assertRaisesRegex(Timeout, "did not cross the broker(.|\n)*policy-sync"):
            self.wire.wait_for(lambda s: False, 0.1, begin)

    def test_a_broker_that_comes_back_goes_on_with_the_same_file(self) -> None:
        self.admin.iq(self.agent.jid, "set", BATCH)
        begin = self.wire.mark()
        self.broker.kill()
        self.broker.start()
        agent, admin = self.responder(), self.login("admin@localhost/console")
        admin.iq(agent.jid, "set", BATCH)
        self.assertEqual([m.type for m in self.wire.messages(begin)], ["set", "result"])
        self.assertEqual(len(self.wire.messages()), 4)


class SmallPartsTest(unittest.TestCase):
    """What needs no broker."""

    def test_numbers(self) -> None:
        self.assertEqual(numbers("1-3 5 7-7"), [1, 2, 3, 5, 7])
        self.assertEqual(numbers(""), [])

    def test_xml_of_a_tap_line_is_kept(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "tap"
            stanza = "<iq xmlns='jabber:client' type='set' id='1' from='a@b/c' to='d@e/f'/>"
            file.write_text(f"1.5 routed {stanza}\n2.5 routed <iq", encoding="utf-8")
            wire = Wire(file)
            (only,) = wire.stanzas()
            self.assertEqual((only.time, only.size), (1.5, len(stanza)))
            self.assertEqual(ET.fromstring(only.xml()).attrib, ET.fromstring(stanza).attrib)
