"""The benchmarks. Each yields values by key, a list of one value per round; both sides of a ratio are
measured in the same round. A first round warms up and is left out; those of which a round takes
minutes warm up with less."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from statistics import median

from harness.agents import binary_folder

from .nodes import one_broker, two_nodes
from .ovn import Ovn
from .storm import Storm
from .world import BROKERS, World, resident

CommitLoop = dict[str, list[float]]
# As the server agent does: VMs in a full batch, and how many of those are out at a time.
_BATCH = 512
_WINDOW = 8
_NETWORKS = 100
_THOUSAND = 1000


@dataclass(frozen=True)
class Effort:
    """How much is done: less of it for a quick look."""

    rounds: int
    ones: int
    bulk: int
    large: int
    largest: int
    devices: int
    few: int  # rounds of what takes minutes
    ports: int


FULL = Effort(rounds=5, ones=1000, bulk=50_000, large=100_000, largest=1_000_000, devices=1000, few=3, ports=20)
QUICK = Effort(rounds=2, ones=500, bulk=10_000, large=20_000, largest=100_000, devices=200, few=1, ports=10)


def _add(found: CommitLoop, key: str, value: float) -> None:
    found.setdefault(key, []).append(value)


def _and_warm_up(rounds: int) -> range:
    return range(rounds + 1)


def _without_warm_up(found: CommitLoop) -> CommitLoop:
    return {key: values[1:] for key, values in found.items()}


def _milliseconds(nanoseconds: list[int]) -> float:
    return median(nanoseconds) / 1e6


def associate_one(effort: Effort) -> CommitLoop:
    """One VM at a time, from the decision until it is durable on both sides, enforced and known."""
    found: CommitLoop = {}
    for broker in BROKERS:
        with closing(World(broker)) as world:
            for _ in _and_warm_up(effort.rounds):
                # The first ones warm up: files of the stores grow.
                _, _, ones = world.steps("network:1", "one:1200", f"one:{effort.ones}")
                echo = world.echo(effort.ones, 1, 1)
                floor = world.floor(effort.ones, 1)
                ours = _milliseconds(ones["each_ns"])
                commits = zip(floor["server_commits_ns"], floor["device_commits_ns"], strict=True)
                parts = {
                    "echo": _milliseconds(echo["each_ns"]),
                    "commits": _milliseconds([sum(both) for both in commits]),
                    "element": _milliseconds(floor["elements_ns"]),
                }
                _add(found, f"associate_one.{broker}.ms", ours)
                for name, part in parts.items():
                    _add(found, f"associate_one.{broker}.{name}_ms", part)
                _add(found, f"associate_one.{broker}.ratio", ours / sum(parts.values()))
    return _without_warm_up(found)


def associate_bulk(effort: Effort) -> CommitLoop:
    """Many VMs in 100 networks at once; also against as many bytes in batches of bare clients, and
    against single IQs. The floor beside: the batches of the bare clients, and then all that has to
    be durable and enforced, and nothing else."""
    found: CommitLoop = {}
    for broker in BROKERS:
        with closing(World(broker)) as world:
            for _ in _and_warm_up(effort.rounds):
                _, bulk = world.steps(f"network:{_NETWORKS}", f"bulk:{effort.bulk}")
                echo = world.echo(effort.bulk // _BATCH, _WINDOW, _BATCH)
                single = world.echo(4 * effort.ones, 32, 1)
                floor = {k: sum(v) / 1e9 for k, v in world.floor(effort.bulk, _BATCH).items()}
                # Each side has a processor.
                exchange = echo["seconds"] * effort.bulk / (effort.bulk // _BATCH * _BATCH)
                least = exchange + max(
                    floor["server_commits_ns"], floor["device_commits_ns"] + floor["elements_ns"]
                )
                ours, iqs = effort.bulk / bulk["seconds"], 4 * effort.ones / single["seconds"]
                _add(found, f"associate_bulk.{broker}.vms_per_s", ours)
                _add(found, f"associate_bulk.{broker}.ratio", exchange / bulk["seconds"])
                _add(found, f"associate_bulk.{broker}.floor_ratio", exchange / least)
                _add(found, f"coalescing.{broker}.iqs_per_s", iqs)
                _add(found, f"coalescing.{broker}.ratio", ours / iqs)
                _add(found, f"coalescing.{broker}.floor_ratio", effort.bulk / least / iqs)
    return _without_warm_up(found)


def policy_change(effort: Effort) -> CommitLoop:
    """A new policy for a network with very many VMs, and for one with one."""
    found: CommitLoop = {}
    with closing(World("prosody")) as world:
        for _ in _and_warm_up(effort.rounds):
            took = []
            for vms in (1, effort.large):
                *_, change = world.steps("network:1", f"bulk:{vms}", "policy:50")
                took.append(_milliseconds(change["each_ns"]))
            _add(found, "policy_change.one_vm_ms", took[0])
            _add(found, f"policy_change.{effort.large}_vms_ms", took[1])
            _add(found, "policy_change.ratio", took[1] / took[0])
    return _without_warm_up(found)


def growth(effort: Effort) -> CommitLoop:
    """Time per VM in bulk, by how many there are; and the memory of both agents."""
    found: CommitLoop = {}
    sizes = [size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= effort.largest]
    for _ in range(effort.few):
        with closing(World("ejabberd")) as world:
            world.steps(f"network:{_NETWORKS}", f"bulk:{sizes[1]}")
            per_vm = []
            for size in sizes:
                # Of the smallest one sample would be as good as none.
                samples = []
                for _ in range(max(1, sizes[1] // size)):
                    _, bulk = world.steps(f"network:{_NETWORKS}", f"bulk:{size}")
                    samples.append(bulk["seconds"] / size * 1e6)
                per_vm.append(median(samples))
                _add(found, f"growth.{size}.us_per_vm", per_vm[-1])
                device = resident(world.device) / size
                _add(found, f"memory.device.{size}.bytes_per_vm", device)
            busy = bulk["resident_bytes"] / size
            _add(found, f"memory.server.{size}.bytes_per_vm", world.server_at_rest() / size)
            _add(found, f"memory_after_bulk.server.{size}.bytes_per_vm", busy)
            _add(found, "growth.ratio", per_vm[-1] / per_vm[0])
            _add(found, "growth.widest_ratio", max(per_vm) / min(per_vm))
    return found


def restart(effort: Effort) -> CommitLoop:
    """A device agent starts with a full store, on a kernel that has forgotten everything."""
    found: CommitLoop = {}
    networks, vms = effort.large // 10, effort.large
    with closing(World("ejabberd")) as world:
        world.steps(f"small:{networks}", f"bulk:{vms}")
        for _ in _and_warm_up(effort.rounds):
            ours = world.restart(kernel_forgets=True)
            kept = world.restart(kernel_forgets=False)
            floor = world.restart_floor()
            _add(found, "restart.s", ours)
            _add(found, "restart.kept_s", kept)
            _add(found, "restart.read_s", floor["read_ns"] / 1e9)
            _add(found, "restart.load_s", floor["load_ns"] / 1e9)
            _add(found, "restart.ratio", ours / (floor["read_ns"] + floor["load_ns"]) * 1e9)
    return _without_warm_up(found)


def resync(effort: Effort) -> CommitLoop:
    """A broker restarts; nothing has changed, and every device is verified again."""
    found: CommitLoop = {}
    for broker in BROKERS:
        with closing(Storm(broker, servers=20, devices=effort.devices)) as storm:
            empty = storm.broker_memory()
            for _ in range(effort.few):
                storm.begin()
                back, routed = storm.restart()
                session = (storm.broker_memory() - empty) / storm.clients
                bare, again = storm.bare()
                _add(found, f"resync.{broker}.broker_bytes_per_session", session)
                _add(found, f"resync.{broker}.unchanged_bytes", routed)
                _add(found, f"resync.{broker}.bare_attempts_failed", again)
                _add(found, f"resync.{broker}.storm_p50_s", median(back))
                _add(found, f"resync.{broker}.storm_p99_s", back[len(back) * 99 // 100])
                _add(found, f"resync.{broker}.storm_last_s", back[-1])
                _add(found, f"resync.{broker}.bare_last_s", bare[-1])
                _add(found, f"resync.{broker}.ratio", back[-1] / bare[-1])
    return found


def vs_ovn(effort: Effort) -> CommitLoop:
    """A port, and a thousand ports, where there are a thousand: OVN's time by ours.

    In one network, with ports that are plugged in already, on either side. And in ten, where ours
    has a bridge and a VXLAN device for each, and ports join them, for which the kernel takes its
    time; OVN's are dummies all the same.
    """
    found: CommitLoop = {}
    ports = 2 * _THOUSAND + effort.ports
    for _ in range(effort.few):
        for prefix, networks, kind in (("vs_ovn", 1, "plugged"), ("vs_ovn.joining", 10, "segment")):
            with closing(Ovn(networks)) as ovn:
                ovn.start()
                ovn.plug(ports)
                ovn.bind(_THOUSAND)  # warms up as well
                one = median(ovn.bind(1) for _ in range(effort.ports))
                bulk = ovn.bind(_THOUSAND)
            with closing(World("prosody", ports=ports)) as world:
                _, _, ours_one, ours_bulk = world.steps(
                    f"{kind}:{networks}",
                    f"bulk:{_THOUSAND}", f"one:{effort.ports}", f"bulk:{_THOUSAND}",
                )  # fmt: skip
            ms = _milliseconds(ours_one["each_ns"])
            _add(found, f"{prefix}.ovn_one_ms", one * 1e3)
            _add(found, f"{prefix}.one_ms", ms)
            _add(found, f"{prefix}.one_ratio", one * 1e3 / ms)
            _add(found, f"{prefix}.ovn_bulk_s", bulk)
            _add(found, f"{prefix}.bulk_s", ours_bulk["seconds"])
            _add(found, f"{prefix}.bulk_ratio", bulk / ours_bulk["seconds"])
    return found


def nodes(effort: Effort) -> CommitLoop:
    """IQs per second between four pairs of bare clients at one broker, and at two nodes."""
    found: CommitLoop = {}
    count = 4 * effort.ones
    for broker in BROKERS:
        with one_broker(broker) as rate:
            for _ in _and_warm_up(effort.rounds):
                _add(found, f"nodes.{broker}.iqs_per_s", rate(count))
    with two_nodes() as ways:
        for _ in _and_warm_up(effort.rounds):
            for name, rate in ways.items():
                _add(found, f"nodes.cluster_{name}.iqs_per_s", rate(count))
    return _without_warm_up(found)


def values(effort: Effort) -> CommitLoop:
    """Questions about large policies that need no device."""
    found: CommitLoop = {}
    for _ in _and_warm_up(effort.rounds):
        done = subprocess.run(
            [binary_folder() / "tenet-bench-values", "1000", "1000"],
            capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
        read = World.one_line(done.stdout)
        _add(found, "explain.per_second", read["explain_per_second"])
        _add(found, "verify.ms", read["verify_ms"])
    return _without_warm_up(found)


def wire(effort: Effort) -> CommitLoop:
    """Bytes on the wire for each VM in bulk, with the answers; and with a policy for each."""
    found: CommitLoop = {}
    for broker in BROKERS:
        for _ in range(effort.few):  # bytes need no warm-up
            read = _bytes_per_vm(broker, effort.bulk)
            _add(found, f"wire.{broker}.bytes_per_vm", read["all"])
            _add(found, f"wire.{broker}.ratio", read["all"] / (read["all"] + read["policy"]))
            _add(found, f"wire.{broker}.vms_in_batch", read["in_batch"])
    return found


def _bytes_per_vm(broker: str, vms: int) -> dict[str, float]:
    """From the tap: what each VM costs, its operation alone, and what the policy costs once."""
    with closing(World(broker, tap=True)) as world:
        world.steps("network:1", f"bulk:{vms}")
        messages = world.net.wire.messages()
        batches = [m for m in messages if m.name == "batch"]
        with_vms = [m for m in batches if "associate" in m.operations]
        ids = {m.stanza.id for m in with_vms}
        answers = [m for m in batches if m.type == "result" and m.stanza.id in ids]
        (policy,) = [m for m in batches if "policy-sync" in m.operations]
        sent = sum(m.stanza.size for m in with_vms)
        return {
            "operation": sent / vms,
            "all": (sent + sum(m.stanza.size for m in answers)) / vms,
            "policy": policy.stanza.size,
            "in_batch": max(m.operations.count("associate") for m in with_vms),
        }


ALL: dict[str, Callable[[Effort], CommitLoop]] = {
    "associate_one": associate_one,
    "associate_bulk": associate_bulk,
    "policy_change": policy_change,
    "growth": growth,
    "restart": restart,
    "resync": resync,
    "vs_ovn": vs_ovn,
    "nodes": nodes,
    "wire": wire,
    "values": values,
}


def run(names: list[str], effort: Effort) -> Iterator[tuple[str, CommitLoop]]:
    """Run them one after the other."""
    for name in names:
        yield name, ALL[name](effort)
