"""How agents reach a broker: TLS, direct TLS, SRV, lists of brokers; and what they say if not."""

from __future__ import annotations

import functools
import shutil
import socket
import unittest
from typing import Any

from harness.brokers import chosen_broker
from harness.certificates import Authority
from harness.ports import ReservedPort
from harness.process import ChildProcess

from .case import SystemTest, policy


class Connection(SystemTest):
    """server1 is told anew how to connect; switch1 stays, and proves that both meet."""

    def reconnect(self, **xmpp: Any) -> None:
        """Start server1 again with these keys in [xmpp]; None removes a key."""
        server = self.net.agents["server1"]
        if server.is_running():
            server.stop()
        for key, value in xmpp.items():
            name = key.replace("_", "-")
            server.config["xmpp"][name] = value
            if value is None:
                del server.config["xmpp"][name]
        server.start()

    def broker_at(self, port: int, tls: str = "starttls") -> dict[str, Any]:
        return {"host": self.net.broker.host, "port": port, "tls": tls}

    def works(self) -> None:
        self.net.wait_ready()
        self.done("server1", "create-network", policy=policy(4096))

    def fails_with(self, pattern: str) -> None:
        self.net.agents["server1"].wait_log(rf"offline reason=.*{pattern}", 30)

    def test_starttls_is_required_and_the_default(self) -> None:
        self.works()

    def test_direct_tls(self) -> None:
        self.reconnect(brokers=[self.broker_at(self.net.broker.direct_tls_port, "direct")])
        self.works()

    def test_a_list_of_brokers_is_tried_in_order(self) -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            dead = ReservedPort()
            self.addCleanup(dead.release)
            self.reconnect(
                brokers=[
                    self.broker_at(dead.number),
                    self.broker_at(silent.getsockname()[1]),
                    self.broker_at(self.net.broker.port),
                ],
                connect_timeout="1s",
            )
            self.works()
        # Each broker that failed was named, the one that is dead and the one that never answers.
        server = self.net.agents["server1"]
        self.assertTrue(server.log_has(rf"offline .*127\.0\.0\.1:{dead.number}"))
        self.assertTrue(server.log_has("offline .*no answer"))

    def test_srv_records(self) -> None:
        dnsmasq = shutil.which("dnsmasq") or "/usr/sbin/dnsmasq"
        port = ReservedPort()
        self.addCleanup(port.release)
        # An address as the name of the target, so that no other resolver is asked.
        records = f"_xmpp-client._tcp.localhost,{self.net.broker.host},{self.net.broker.port},0,0"
        process = ChildProcess(
            "dnsmasq",
            [
                dnsmasq, "--keep-in-foreground", f"--port={port.number}", "--no-resolv",
                "--no-hosts", "--listen-address=127.0.0.1", "--bind-interfaces", "--conf-file=",
                "--user=root", f"--srv-host={records}", "--pid-file=",
            ],
            self.net.folder,
            self.net.folder / "dnsmasq.log",
        )  # fmt: skip
        process.start()
        self.addCleanup(process.kill)
        self.reconnect(
            brokers=None, nameservers=[f"127.0.0.1:{port.number}"], reconnect_max="500ms"
        )
        self.works()

    def test_another_ca_is_not_trusted(self) -> None:
        other = Authority(self.net.folder / "other-ca")
        self.reconnect(ca_file=str(other.ca_file))
        self.fails_with("certificate")

    def test_the_name_in_the_certificate_counts_not_the_address(self) -> None:
        broker = self.net.broker
        stranger = chosen_broker()(self.net.folder / "other", domains=("other.example",))
        self.addCleanup(stranger.close)
        stranger.start()
        self.reconnect(
            brokers=[self.broker_at(stranger.port)], ca_file=str(stranger.ca_file)
        )
        self.fails_with("(localhost|host)")
        self.assertNotEqual(stranger.port, broker.port)

    def test_a_wrong_password_is_said_and_not_hammered(self) -> None:
        self.reconnect(password="wrong")
        self.fails_with("forbidden")

    def use_certificate_of(self, name: str) -> None:
        """Start server1 again with a client certificate and without a password."""
        if self.net.broker.name == "prosody":
            self.skipTest("Prosody 0.12 needs a module from elsewhere for client certificates")
        pair = self.net.broker.authority.client(self.net.bare_jid(name))
        files = {"certificate_file": str(pair.certificate), "key_file": str(pair.key)}
        self.reconnect(password=None, **files)

    def test_a_certificate_in_the_place_of_a_password(self) -> None:
        self.use_certificate_of("server1")
        self.works()

    def test_the_certificate_of_another_account_is_refused(self) -> None:
        self.use_certificate_of("switch1")
        self.fails_with("(forbidden|EXTERNAL)")

    def test_agents_that_share_a_jid_say_so(self) -> None:
        twin_folder = self.net.folder / "twin"
        twin_folder.mkdir()
        server = self.net.agents["server1"]
        config = server.config_file.read_text().replace(
            str(server.state_file), str(twin_folder / "state.db")
        )
        (twin_folder / "twin.toml").write_text(config)
        twin = ChildProcess(
            "twin",
            [server.command[0], "--config", str(twin_folder / "twin.toml")],
            twin_folder,
            twin_folder / "log",
        )
        twin.start()
        self.addCleanup(twin.terminate)
        self.wait_until(
            lambda: server.log_has("offline .*JID") or twin.log_has("offline .*JID"),
            "neither agent said that the JID is in use twice",
            40,
        )

    def test_a_device_that_stops_answering_is_waited_for_without_end_of_patience(self) -> None:
        self.reconnect()
        self.net.wait_ready()
        server, device = self.net.agents["server1"], self.net.agents["switch1"]
        server.stop()
        server.config["agent"].update({"request-timeout": "1s", "command-timeout": "2s"})
        server.start()
        self.net.wait_ready()
        device.pause()
        self.addCleanup(device.resume)
        result = self.run_command("server1", "create-network", policy=policy(4096))
        self.assertEqual([r["state"] for r in result.rows], ["pending"])
        self.assertIn("timeout", result.rows[0]["detail"] + str(result.notes))
        device.resume()
        self.net.wait_ready()
        self.assertEqual(self.policies("switch1"), {"4096": "1"})


class Plaintext(SystemTest):
    """Only if the configuration says so, and only towards loopback."""

    options = {
        "broker": functools.partial(chosen_broker(), encryption="optional"),
    }

    def test_plaintext_on_loopback_when_configured(self) -> None:
        server = self.net.agents["server1"]
        server.stop()
        server.config["xmpp"]["brokers"][0]["tls"] = "plaintext"
        server.start()
        self.net.wait_ready()
        self.done("server1", "create-network", policy=policy(4096))

    def test_plaintext_elsewhere_is_refused(self) -> None:
        server = self.net.agents["server1"]
        server.stop()
        server.config["xmpp"]["brokers"] = [{"host": "192.0.2.1", "port": 5222, "tls": "plaintext"}]
        server.start()
        server.wait_log("offline .*loopback", 20)


class NoTls(SystemTest):
    """A broker that offers no TLS gets no login."""

    options = {
        "broker": functools.partial(chosen_broker(), encryption="none"),
    }

    def setUp(self) -> None:
        # Consoles and agents require TLS, so that nobody gets in; only the agents are looked at.
        from harness.topology import Topology

        self.net = Topology(**self.options)
        self.addCleanup(self.net.close)
        self.net.broker.start()
        self.net.agents["server1"].start()

    def test_a_broker_without_tls_gets_no_login(self) -> None:
        server = self.net.agents["server1"]
        server.wait_log("offline .*TLS", 20)
        self.assertFalse(server.log_has(" online"))


if __name__ == "__main__":
    unittest.main()
