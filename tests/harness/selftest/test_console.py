"""Proves `console`, `commands` and `forms` against slixmpp's own command provider."""

from __future__ import annotations

import threading

from ..commands import CommandError, ConsoleTimeout
from ..console import ConnectError
from ..tenet_messages import NAMESPACE
from .case import BrokerCase


class ConsoleTest(BrokerCase):
    """Commands, forms and raw IQs against slixmpp's own command provider."""

    def setUp(self) -> None:
        super().setUp()
        self.agent = self.responder()
        self.admin = self.login()

    def test_commands_are_listed(self) -> None:
        names = self.admin.commands(self.agent.jid)
        expected = {"add": "Add a network", "list": "List networks", "steps": "Two steps"}
        self.assertEqual(names, expected | {"deny": "Not for you"})
        self.assertIn("http://jabber.org/protocol/commands", self.admin.features(self.agent.jid))

    def test_form_shows_types_labels_and_defaults(self) -> None:
        form = self.admin.form(self.agent.jid, "add")
        field = form.fields["vnid"]
        self.assertEqual((field.type, field.label, field.value), ("text-single", "VNID", "4096"))
        self.assertTrue(field.required)
        self.assertFalse(form.fields["revision"].required)
        self.assertEqual(form.fields["devices"].options, {"s1": "one", "s2": "two"})
        self.assertEqual(form.fields["devices"].values, ["s1"])

    def test_execute_fills_in_and_keeps_defaults(self) -> None:
        policy = "<policy>\n  <acl/>\n</policy>"
        given = {"policy": policy, "devices": ["s1", "s2"], "from_": "x", "is_enabled": False}
        result = self.admin.execute(self.agent.jid, "add", vnid=17, **given)
        self.assertEqual((result.status, result.notes), ("completed", [("info", "done")]))
        row = {"vnid": "17", "revision": "1", "from": "x", "is-enabled": "False"}
        self.assertEqual(result.rows, [row | {"policy": policy, "devices": "s1 s2"}])
        self.assertEqual(result.text, "17")
        self.assertEqual(result.values, {"count": "1"})
        self.assertEqual(result.result.columns["vnid"], "VNID")
        plain = self.admin.execute(self.agent.jid, "list")
        self.assertEqual(plain.rows, result.rows)

    def test_bad_input_comes_back_with_the_form(self) -> None:
        result = self.admin.execute(self.agent.jid, "add", vnid="many")
        self.assertEqual(result.status, "executing")
        self.assertEqual(result.errors, ["vnid: not a number: many"])
        self.assertEqual(result.form.instructions, "vnid: not a number: many")
        self.assertEqual(self.agent.networks, [])
        again = self.admin.retry(result, vnid="18")
        self.assertEqual(again.session, result.session)
        self.assertEqual([row["vnid"] for row in again.rows], ["18"])

    def test_unknown_field_is_refused_before_it_is_sent(self) -> None:
        with self.assertRaisesRegex(KeyError, "no field colour; it has: devices"):
            self.admin.execute(self.agent.jid, "add", colour="red")
        with self.assertRaisesRegex(KeyError, "vnid"):
            self.admin.execute(self.agent.jid, "list", vnid="1")
        self.assertEqual(self.agent.networks, [])

    def test_steps(self) -> None:
        result = self.admin.execute(self.agent.jid, "steps", second="z")
        self.assertEqual((result.status, result.notes), ("completed", [("info", "az")]))

    def test_errors_carry_condition_text_and_element(self) -> None:
        with self.assertRaises(CommandError) as caught:
            self.admin.execute(self.agent.jid, "deny")
        error = caught.exception
        self.assertEqual((error.condition, error.text), ("forbidden", "operators only"))
        self.assertEqual(error.application, "forbidden")
        self.assertEqual(error.element.get("type"), "auth")
        with self.assertRaises(CommandError) as caught:
            self.admin.execute("switch1@localhost/absent", "add")
        self.assertEqual(caught.exception.condition, "service-unavailable")

    def test_silence_ends_in_a_clear_timeout(self) -> None:
        xml = f"<silence xmlns='{NAMESPACE}'/>"
        with self.assertRaisesRegex(ConsoleTimeout, "device-agent did not answer .*silence.* 0.3"):
            self.admin.iq(self.agent.jid, "set", xml, timeout=0.3)
        self.assertTrue(self.admin.is_connected())

    def test_closed_console_says_so(self) -> None:
        self.admin.close()
        self.admin.close()
        with self.assertRaises(ConnectError):
            self.admin.execute(self.agent.jid, "list")

    def test_request_fails_at_once_when_the_broker_dies(self) -> None:
        begin = self.wire.mark()

        def kill() -> None:
            self.wire.wait_for(lambda s: s.type == "set", since=begin)
            self.broker.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        self.addCleanup(killer.join)
        with self.assertRaisesRegex(ConnectError, "broke off"):
            self.admin.iq(self.agent.jid, "set", f"<silence xmlns='{NAMESPACE}'/>", timeout=30)
        self.assertFalse(self.admin.is_connected())
