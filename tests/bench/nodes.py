"""How many IQs one broker carries, and a cluster of two ejabberd nodes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.broker import Broker
from harness.cluster import Cluster

from . import bare
from .world import BROKERS

PAIRS = 4
_WINDOW = 8


def _rate(folder: Path, ends: Sequence[tuple[Broker, Broker]], count: int) -> float:
    """IQs with answers per second, over all pairs; `ends`: where each pair's two clients log in."""
    with ExitStack() as stack:
        peers = [
            stack.enter_context(bare.answering(node, f"answerer{i}", folder))
            for i, (_, node) in enumerate(ends)
        ]
        asking = [
            bare.ask(node, f"asker{i}", peer, "--count", count, "--window", _WINDOW)
            for i, ((node, _), peer) in enumerate(zip(ends, peers, strict=True))
        ]
        # From when each had logged in.
        took = [bare.result(process)["seconds"] for process in asking]
        return len(ends) * count / max(took)


def _add_accounts(broker: Broker) -> None:
    for i in range(PAIRS):
        bare.add_account(broker, f"asker{i}")
        bare.add_account(broker, f"answerer{i}")


@contextmanager
def one_broker(name: str) -> Iterator[Callable[[int], float]]:
    """Rates at one Prosody or ejabberd."""
    with tempfile.TemporaryDirectory(prefix="tenet-nodes-") as folder:
        broker = BROKERS[name](Path(folder) / "broker", tap=False)
        try:
            _add_accounts(broker)
            broker.start()
            yield lambda count: _rate(Path(folder), [(broker, broker)] * PAIRS, count)
        finally:
            broker.close()


@contextmanager
def two_nodes() -> Iterator[dict[str, Callable[[int], float]]]:
    """Rates at a cluster: all at one node; each pair at one of two; each pair across."""
    with tempfile.TemporaryDirectory(prefix="tenet-nodes-") as folder:
        cluster = Cluster(Path(folder) / "cluster", tap=False)
        try:
            first, second = cluster.nodes
            _add_accounts(first)
            cluster.start()
            half = PAIRS // 2
            ways = {
                "one_node": [(first, first)] * PAIRS,
                "two_nodes": [(first, first)] * half + [(second, second)] * half,
                "across": [(first, second)] * half + [(second, first)] * half,
            }
            yield {
                name: lambda count, ends=ends: _rate(Path(folder), ends, count)
                for name, ends in ways.items()
            }
        finally:
            cluster.close()
