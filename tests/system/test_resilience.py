"""Laws 1, 3, 5 and 6 against brokers and peers that die, fall silent, or are there twice."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import threading
import unittest
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from harness.agents import binary_folder
from harness.operators import OWNED_MAC, VNID, Operator, account, at_work, settled
from harness.process import ChildProcess

from .case import SystemTest, mac, policy

IMPATIENT = {"keepalive": "1s", "connect-timeout": "2s", "reconnect-max": "2s"}


class BrokerUnderLoad(SystemTest):
    """kill -9 of the broker while four operators work."""

    servers = 2
    devices = 2
    rounds = 4

    def test_what_was_promised_survives_each_broker(self) -> None:
        for server in ("server1", "server2"):
            self.done(server, "create-network", policy=policy(VNID))
        self.done("server1", "create-vm", vnid=VNID, vm="vm-owner", mac=OWNED_MAC)
        operators = [Operator(self.net, number, seed=1) for number in range(4)]
        dice = random.Random(1)
        with at_work(operators):
            for _ in range(self.rounds):
                enough = sum(o.promises for o in operators) + dice.randrange(5, 50)
                self.wait_until(
                    lambda least=enough: sum(o.promises for o in operators) >= least,
                    "no work is done before the broker is killed", 60,
                )  # fmt: skip
                self.net.broker.kill()
                self.net.broker.start()
        self.net.wait_ready(60)
        print(f"{self.rounds} brokers; {account(operators)}", flush=True)
        listed = {server: self.rows(server, "list-vms") for server in ("server1", "server2")}
        wanted = settled(operators, listed)
        for device in ("switch1", "switch2"):
            self.assertEqual(self.vms(device), wanted)
        self.assertEqual(self.record("switch1"), self.record("switch2"))


class SilentBroker(SystemTest):
    """A broker that holds connections open and says nothing."""

    options = {
        "servers_config": {"xmpp": IMPATIENT},
        "devices_config": {"xmpp": IMPATIENT},
    }

    def test_silence_is_noticed_and_costs_nothing_when_it_ends(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        self.create_vm("server1", 4096, "web-1", 1)
        before = self.record("switch1")
        self.net.broker.process.pause()
        self.addCleanup(self.net.broker.process.resume)
        for agent in self.net.agents.values():
            agent.wait_log("offline reason=.*ping", 20)
            # And again: the broker's kernel accepts connections, nobody answers.
            agent.wait_log("offline reason=.*no answer while", 20)
        self.assertEqual(self.record("switch1"), before, "silence withdrew something")
        mark = self.net.wire.mark()
        self.net.broker.process.resume()
        self.net.wait_ready(60)
        names = {m.name for m in self.net.wire.messages(mark) if m.type in ("get", "set")}
        self.assertEqual(names, {"hello", "synced"}, "nothing differed, so only roots travel")
        self.assertEqual(self.record("switch1"), before)

    def test_a_broker_that_accepts_and_never_answers_is_left_and_each_time_told(self) -> None:
        server = self.net.agents["server1"]
        server.stop()
        said = server.log().count("offline reason=")
        with mute_broker() as (port, accepted):
            server.config["xmpp"]["brokers"] = [{"host": "127.0.0.1", "port": port}]
            server.start()
            self.wait_until(lambda: len(accepted) >= 4, "it does not try again", 40)
            server.stop()
            told = server.log().count("offline reason=") - said
            # The last attempt may still have been under way.
            self.assertIn(len(accepted) - told, (0, 1))
            tool = self.ask_through(port)
        self.assertTrue(server.log_has(rf"no answer while .*127\.0\.0\.1:{port} for 2000 ms"))
        self.assertNotEqual(tool.returncode, 0)
        self.assertIn("no answer while", tool.stderr)

    def ask_through(self, port: int) -> subprocess.CompletedProcess[str]:
        """tenetctl towards the same port."""
        self.run_tenetctl("--version")  # writes its configuration
        text = (self.net.folder / "tenetctl.toml").read_text(encoding="utf-8")
        mute = self.net.folder / "mute.toml"
        mute.write_text(text.replace(str(self.net.broker.port), str(port)), encoding="utf-8")
        return subprocess.run(
            [binary_folder() / "tenetctl", "--config", mute, "network", "list"],
            capture_output=True, text=True, timeout=60, cwd=self.net.folder,
        )  # fmt: skip


@contextlib.contextmanager
def mute_broker() -> Iterator[tuple[int, list[socket.socket]]]:
    """A port that takes connections and never writes; and the connections that came."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    accepted.append(listener.accept()[0])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], accepted
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in accepted:
                connection.close()


class DeafDevice(SystemTest):
    """A device that stops reading, with its connection open."""

    devices = 2
    options = {
        "servers_config": {"agent": {"request-timeout": "1s", "command-timeout": "250ms"}},
    }

    def test_others_go_on_and_the_deaf_one_is_not_talked_at(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        deaf = self.net.agents["switch1"]
        deaf.pause()
        self.addCleanup(deaf.resume)
        mark = self.net.wire.mark()
        consoles = [self.net.console() for _ in range(4)]

        def create(worker: int) -> None:
            for number in range(worker, 40, len(consoles)):
                result = consoles[worker].execute(
                    self.net.jid("server1"), "create-vm",
                    vnid="4096", vm=f"vm-{number}", mac=mac(number + 1),
                )  # fmt: skip
                states = {r["device"].partition("@")[0]: r["state"] for r in result.rows}
                self.assertEqual(states, {"switch1": "pending", "switch2": "enforced"})

        with ThreadPoolExecutor(len(consoles)) as pool:
            list(pool.map(create, range(len(consoles))))
        self.assertEqual(len(self.vms("switch2")), 40)
        (row,) = [
            r for r in self.rows("server1", "list-devices") if r["device"].startswith("switch1@")
        ]
        self.assertIn(row["state"], ("waiting", "synchronizing"))
        self.assertIn("timeout", row["detail"])
        # One request at a time, and pauses that double: never one for each wish.
        to_deaf = [m for m in self.net.wire.messages(mark) if m.type in ("get", "set")]
        to_deaf = [m for m in to_deaf if m.receiver.startswith("switch1@")]
        self.assertLess(len(to_deaf), 8, [m.name for m in to_deaf])
        self.net.agents["server1"].wait_log(
            "conversation with a device failed, it begins again after a pause device=switch1@.* reason=.*timeout.* pause=1000ms"
        )
        deaf.resume()
        self.net.wait_ready(60)
        self.assertEqual(self.vms("switch1"), self.vms("switch2"))
        self.assertEqual(self.record("switch1"), self.record("switch2"))


class TwinDevices(SystemTest):
    """Two device agents with one JID: a mistake that must be said and must not cost anything."""

    def test_they_say_so_and_once_one_is_gone_all_is_well(self) -> None:
        self.done("server1", "create-network", policy=policy(4096))
        self.create_vm("server1", 4096, "web-1", 1)
        device = self.net.agents["switch1"]
        before = self.record("switch1")
        folder = self.net.folder / "twin"
        folder.mkdir()
        config = device.config_file.read_text(encoding="utf-8")
        config = config.replace(str(device.folder), str(folder))
        (folder / "twin.toml").write_text(config, encoding="utf-8")
        twin = ChildProcess(
            "twin", [device.command[0], "--config", str(folder / "twin.toml")], folder, folder / "log"
        )
        twin.start()
        self.addCleanup(twin.terminate)
        self.wait_until(
            lambda: device.log_has("offline .*JID") or twin.log_has("offline .*JID"),
            "neither agent said that the JID is in use twice", 40,
        )  # fmt: skip
        self.assertEqual(twin.terminate(), 0)
        device.restart()  # else it waits, as long as it may
        self.net.wait_ready(60)
        self.assertEqual(self.policies("switch1"), {"4096": "1"})
        self.assertEqual(self.vms("switch1"), {"web-1": "associated"})
        self.assertEqual(self.record("switch1"), before)
        self.create_vm("server1", 4096, "web-2", 2)


if __name__ == "__main__":
    unittest.main()
