"""Waiting for a condition with a deadline: the only way in which the harness waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Timeout(AssertionError):
    """A condition did not come true in time."""


def wait_until(
    condition: Callable[[], T],
    timeout: float,
    what: str | Callable[[], str],
    interval: float = 0.02,
) -> T:
    """Call `condition` until it returns something true, and return that.

    After `timeout` seconds raise `Timeout` with the text `what`; a function makes that text late,
    when the state of the failure is known.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            text = what() if callable(what) else what
            raise Timeout(f"after {timeout:g} s: {text}")
        time.sleep(interval)
