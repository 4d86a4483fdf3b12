"""The flows of Tenet and what happens on the wire. Datapaths only record what they would do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from demo_steps import Demo, Steps, policy
from harness.commands import CommandError
from harness.numbering import mac
from harness.topology import Topology
from harness.waiting import wait_until

FIFTY = "<bandwidth from-vm='50Mbit' to-vm='50Mbit'/>"
HUNDRED = "<bandwidth from-vm='100Mbit' to-vm='100Mbit'/>"
CONFLICT = (
    "<acl default='deny'><rule id='10' action='permit' direction='to-vm' protocol='tcp' "
    "source='10.0.0.0/8' destination-port='22'/></acl>"
)
FIFTY_RULES = "<acl default='deny'>%s</acl>" % "".join(
    f"<rule id='{i}' action='permit' direction='to-vm' protocol='tcp' "
    f"source='10.{i}.0.0/16' destination-port='{1000 + i}'/>"
    for i in range(1, 51)
)
# Both servers reach switch1; server1 alone reaches switch2, server2 alone switch3.
NEIGHBOURS = {"server1": ("switch1", "switch2"), "server2": ("switch1", "switch3")}
BASELINE = {
    "rule": [
        {"id": 5, "action": "deny", "direction": "to-vm", "protocol": "tcp",
         "source": "10.1.0.0/16", "destination-port": "20-30"}
    ]
}  # fmt: skip

FLOWS: Steps[Demo] = Steps()
step = FLOWS.step


@step("101-102, 401-402: create a network; its policy goes to each device once")
def create_network(demo: Demo) -> None:
    demo.done("server1", "create-network", policy=policy(4096, 1, FIFTY))
    demo.sends("policy-sync", "policy-sync")
    demo.expect("switch1 has revision 1", demo.policies("switch1") == {"4096": "1"})


@step("103-104, 403-404: create a VM; it costs one small association, without the policy")
def create_vm(demo: Demo) -> None:
    demo.done("server1", "create-vm", vnid="4096", vm="web-1", mac=mac(1), ip="10.0.0.1")
    demo.sends("associate", "associate")


@step("104, 404: pre-associate: known, but not enabled; then activate")
def pre_associate(demo: Demo) -> None:
    demo.done(
        "server1", "create-vm", vnid="4096", vm="web-2", mac=mac(2), state="pre-associated",
        reserve="true",
    )  # fmt: skip
    demo.expect("web-2 is pre-associated", demo.vms("switch1")["web-2"] == "pre-associated")
    demo.done("server1", "activate-vm", vnid="4096", vm="web-2")
    demo.expect("web-2 is associated", demo.vms("switch1")["web-2"] == "associated")


@step("301-302, 601-602: change the policy from 50 to 100 Mbit; once, whatever the number of VMs")
def change_policy(demo: Demo) -> None:
    demo.done("server1", "change-policy", policy=policy(4096, 2, HUNDRED))
    demo.sends("policy-update", "policy-update")
    demo.expect("switch1 has revision 2", demo.policies("switch1") == {"4096": "2"})


@step("201-203, 501-503: remove a VM; another one remains, so dissociate")
def dissociate(demo: Demo) -> None:
    demo.done("server1", "remove-vm", vnid="4096", vm="web-2")
    demo.sends("dissociate", "dissociate")
    demo.expect("the policy stays", demo.policies("switch1") == {"4096": "2"})


@step("a second server behind switch1 claims the same network")
def second_server(demo: Demo) -> None:
    demo.done("server2", "create-network", policy=policy(4096, 2, HUNDRED))
    demo.done("server2", "create-vm", vnid="4096", vm="db-1", mac=mac(3))


@step("701-705, 708-712: web-1 migrates to server2, where the network is; both halves in parallel")
def migrate(demo: Demo) -> None:
    source = demo.net.jid("server1")
    other = demo.net.console()
    with ThreadPoolExecutor(2) as pool:
        into = pool.submit(
            other.execute, demo.net.jid("server2"), "migrate-in", vnid="4096", vm="web-1",
            mac=mac(1), ip="10.0.0.1", from_=source,
        )  # fmt: skip
        demo.done("server1", "migrate-out", vnid="4096", vm="web-1")
        states = [row["state"] for row in into.result().rows]
    demo.expect("server2: migrate-in: enforced", states == ["enforced", "enforced"])
    demo.expect("web-1 is associated on switch3", "web-1" in demo.vms("switch3"))
    demo.expect("switch2 has nothing left", demo.policies("switch2") == {})
    demo.expect("switch1 keeps the policy: server2 claims it", "4096" in demo.policies("switch1"))


@step("703, 706-707: db-1 migrates to server1; the policy comes from server2 along with it")
def migrate_back(demo: Demo) -> None:
    demo.done("server1", "delete-network", vnid="4096")
    demo.done("server1", "migrate-in", vnid="4096", vm="db-1", from_=demo.net.jid("server2"))
    demo.done("server2", "migrate-out", vnid="4096", vm="db-1")
    demo.expect("db-1 is associated on switch2", demo.vms("switch2") == {"db-1": "associated"})


@step("202, 204, 504: the last VM goes, so the policy is withdrawn")
def withdraw(demo: Demo) -> None:
    demo.done("server1", "remove-vm", vnid="4096", vm="db-1")
    demo.sends("policy-withdraw", "policy-withdraw")
    demo.expect("switch2 has no policy", demo.policies("switch2") == {})


@step("402: a policy that contradicts switch3's own configuration is refused, with a witness")
def refuse(demo: Demo) -> None:
    before = demo.policies("switch3")
    result = demo.run("server2", "create-network", policy=policy(5000, 1, CONFLICT))
    rows = {row["device"].split("@")[0]: row for row in result.rows}
    demo.expect(
        "switch3 refuses: " + rows["switch3"]["detail"], rows["switch3"]["state"] == "refused"
    )
    demo.expect("switch3 is as it was", demo.policies("switch3") == before)
    demo.done("server2", "delete-network", vnid="5000")


@step("a malformed document and a stranger are refused")
def refuse_input(demo: Demo) -> None:
    result = demo.run("server1", "create-network", policy=policy(16777216, 1, FIFTY))
    demo.expect("answer: " + "; ".join(result.errors), bool(result.errors))
    try:
        demo.net.stranger.start(demo.net.jid("server1"), "create-network")
        demo.expect("a stranger may run commands", False)
    except CommandError as refused:
        demo.expect(f"a stranger gets: {refused}", refused.condition == "forbidden")
    demo.sends()


@step("1,000 VMs in one network with 50 ACL rules: the policy crosses once per device")
def thousand(demo: Demo) -> None:
    document = policy(6000, 1, FIFTY_RULES)
    demo.done("server1", "create-network", policy=document)
    mark = demo.net.wire.mark()
    consoles = [demo.net.console() for _ in range(8)]

    def create(worker: int) -> None:
        for number in range(worker, 1000, len(consoles)):
            result = consoles[worker].execute(
                demo.net.jid("server1"), "create-vm", vnid="6000", vm=f"vm-{number}",
                mac=mac(1000 + number), _timeout=60,
            )  # fmt: skip
            assert result.status == "completed" and not result.errors, result.notes

    with ThreadPoolExecutor(len(consoles)) as pool:
        list(pool.map(create, range(len(consoles))))
    ours = demo.net.wire.messages(mark)
    bytes_per_vm = sum(m.stanza.size for m in ours) / 2 / 1000
    syncs = [o for o in demo.net.wire.operations(demo.mark) if o == "policy-sync"]
    demo.expect(f"policy-sync crossed {len(syncs)} times, for 2 devices", len(syncs) == 2)
    demo.expect(
        f"{bytes_per_vm:.0f} bytes per VM and device, answers included; a copy of the policy with "
        f"each VM would add {len(document)}",
        sum(vm.startswith("vm-") for vm in demo.vms("switch1")) == 1000,
    )


@step("kill -9 of switch1: it comes back with all it acknowledged, without any message of a server")
def crash(demo: Demo) -> None:
    before = demo.table("switch1", "list-vms")
    for server in demo.net.servers:
        server.stop()
    device = demo.net.agents["switch1"]
    device.kill()
    device.start()

    def listed() -> object:
        try:
            return demo.table("switch1", "list-vms")
        except CommandError:
            return None

    after = wait_until(listed, 30, "switch1 did not come back")
    demo.expect(f"{len(before)} VMs before, {len(after)} VMs after, all equal", before == after)
    for server in demo.net.servers:
        server.start()
    demo.net.wait_ready()
    demo.expect(
        "the servers come back too, and digests agree", demo.requests() == {"hello", "synced"}
    )


@step(
    "the broker is stopped and started: nothing is withdrawn, digests are compared, nothing is sent"
)
def lost_broker(demo: Demo) -> None:
    datapath = demo.net.agents["switch1"].record_file.read_text()
    demo.net.broker.stop()
    wait_until(
        lambda: all(a.log_has("offline") for a in demo.net.agents.values()), 30, "nobody noticed"
    )
    still = demo.net.agents["switch1"].record_file.read_text()
    demo.expect("switch1 enforces the same without a broker", still == datapath)
    demo.net.broker.start()
    demo.net.wait_ready(60)
    demo.expect("after it: only roots travel", demo.requests() == {"hello", "synced"})


def play() -> int:
    """The flows, on a private broker; returns how many checks failed."""
    overrides: dict[str, dict[str, object]] = {
        server: {"device": [{"jid": f"{device}@localhost"} for device in devices]}
        for server, devices in NEIGHBOURS.items()
    }
    overrides["switch3"] = {"baseline": BASELINE}
    print("A private Prosody on loopback, two server agents, three device agents:")
    for server, devices in NEIGHBOURS.items():
        print(f"  {server} -- {', '.join(devices)}")
    with Topology(servers=2, devices=3, overrides=overrides) as net:
        demo = Demo(net)
        FLOWS.play(demo)
    return demo.failures
