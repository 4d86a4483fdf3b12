"""Network namespaces which a test run makes for itself, and which nothing leaves behind.

All traffic of a test stays in them. Each carries its owner's process id in its name, and the owner
holds a claim on that id which the kernel releases with the process. So whoever comes next knows the
namespaces of a run that was killed, removes them, and leaves those of a run beside it alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import os
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .process import ChildProcess
from .waiting import wait_until

T = TypeVar("T")

_FOLDER = Path("/run/netns")
_NAME = re.compile(r"tn([0-9]+)-[0-9]+")
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def _claim(pid: int) -> socket.socket | None:
    """The claim on the namespaces of a process id, or None if someone who lives has it."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0tenet-test-namespaces-{pid}")
    except OSError:
        claim.close()
        return None
    return claim


class _Names:
    """The names of this process, one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._claim_socket: socket.socket | None = None
        self._numbers = itertools.count(1)
        self._users = 0

    def take(self) -> str:
        """A new name; with the first one, what dead processes left is removed."""
        with self._lock:
            if self._users == 0 or self._pid != os.getpid():
                self._begin()
            self._users += 1
            return f"tn{self._pid}-{next(self._numbers)}"

    def release(self) -> None:
        """One namespace less; without any the claim is not needed."""
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._claim_socket is not None:
                self._claim_socket.close()
                self._claim_socket = None

    def _begin(self) -> None:
        self._pid = os.getpid()
        # Another run may hold it for a moment, while it removes what a dead namesake left.
        self._claim_socket = wait_until(
            lambda: _claim(self._pid), 10, f"someone else claims the namespaces of {self._pid}"
        )
        self._users = 0
        remove_leftovers()
        for name in _names_of(self._pid):
            _delete(name)


_NAMES = _Names()


def _names_of(pid: int | None = None) -> list[str]:
    """The namespaces of test runs, or of one process."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for entry in _FOLDER.iterdir():
            match = _NAME.fullmatch(entry.name)
            if match and pid in (None, int(match[1])):
                found.append(entry.name)
    return sorted(found)


def _delete(name: str) -> None:
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def remove_leftovers() -> list[str]:
    """Remove the namespaces of processes that are gone; returns their names."""
    removed = []
    pids = {int(name[2:].partition("-")[0]) for name in _names_of()}
    for pid in pids - {os.getpid()}:
        claim = _claim(pid)
        if claim is not None:
            with claim:
                for name in _names_of(pid):
                    _delete(name)
                    removed.append(name)
    return removed


class CommandFailed(AssertionError):
    """A program ended with an exit code that was not expected."""


class Namespace:
    """One network namespace. `close()` removes it, whatever is in it, and ends its programs."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            raise PermissionError("network namespaces need root; run this as root")
        self.name = _NAMES.take()
        self._programs: list[ChildProcess] = []
        self._sockets: list[socket.socket] = []
        try:
            _checked(["ip", "netns", "add", self.name])
            self.ip("link set lo up")
            # What nobody asked for: router solicitations, and seconds of address detection.
            for scope in ("all", "default"):
                self.sysctl(f"ipv6/conf/{scope}/accept_dad", "0")
                self.sysctl(f"ipv6/conf/{scope}/router_solicitations", "0")
                self.sysctl(f"ipv6/conf/{scope}/accept_ra", "0")
        except BaseException:
            self.close()
            raise

    @property
    def path(self) -> Path:
        """What setns(2) takes."""
        return _FOLDER / self.name

    # -- work in it ----------------------------------------------------------------------------

    def call(self, function: Callable[[], T]) -> T:
        """Run the function inside; sockets that it makes stay there.

        In a thread that ends with it, since a thread that is inside would take all its later
        sockets with it.
        """
        values: list[T] = []
        problems: list[BaseException] = []

        def run() -> None:
            try:
                descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    if _LIBC.setns(descriptor, _CLONE_NEWNET) != 0:
                        raise OSError(ctypes.get_errno(), f"cannot enter {self.name}")
                finally:
                    os.close(descriptor)
                values.append(function())
            except BaseException as problem:
                problems.append(problem)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if problems:
            raise problems[0]
        return values[0]

    def socket(self, *arguments: Any) -> socket.socket:
        """A socket inside, which is closed with the namespace at the latest."""
        made = self.call(lambda: socket.socket(*arguments))
        self._sockets.append(made)
        return made

    def command(self, *words: str | Path) -> list[str]:
        """The words of a program inside. nsenter becomes that program, so its id stays one."""
        return ["nsenter", f"--net={self.path}", "--", *(str(word) for word in words)]

    def run(self, *words: str | Path, expect: int | None = 0, timeout: float = 60) -> str:
        """Run a program inside to its end; returns its output. `expect=None`: any exit code."""
        return _checked(self.command(*words), expect=expect, timeout=timeout)

    def program(self, name: str, words: Sequence[str | Path], folder: Path) -> ChildProcess:
        """Start a program inside that ends with the namespace; it writes to NAME.log."""
        child = ChildProcess(name, self.command(*words), folder, folder / f"{name}.log")
        self._programs.append(child)
        child.start()
        return child

    # -- what is in it -------------------------------------------------------------------------

    def ip(self, *lines: str) -> None:
        """Commands of ip(8), all in one batch."""
        _checked(["ip", "-n", self.name, "-batch", "-"], given="\n".join(lines) + "\n")

    def ip_json(self, *words: str) -> list[dict[str, Any]]:
        """What a show command of ip(8) tells."""
        text = _checked(["ip", "-n", self.name, "-details", "-json", *words])
        found: list[dict[str, Any]] = json.loads(text or "[]")
        return found

    def links(self) -> set[str]:
        """The names of all interfaces."""
        return {link["ifname"] for link in self.ip_json("link", "show")}

    def sysctl(self, key: str, value: str) -> None:
        """Set a key below /proc/sys/net."""
        self.call(lambda: Path("/proc/sys/net", key).write_text(value, encoding="ascii"))

    # -- end -----------------------------------------------------------------------------------

    def begin(self) -> None:
        """The programs and sockets that come from here on go with `rewind`."""
        self._first = len(self._programs), len(self._sockets)

    def rewind(self) -> None:
        """End the programs and close the sockets that came after `begin`."""
        programs, sockets = self._first
        for program in self._programs[programs:]:
            program.kill()
        for made in self._sockets[sockets:]:
            made.close()
        del self._programs[programs:], self._sockets[sockets:]

    def close(self) -> None:
        """End the programs, close the sockets, remove the namespace and its interfaces."""
        if not self.name:
            return
        for program in self._programs:
            program.kill()
        for made in self._sockets:
            made.close()
        _delete(self.name)
        self.name = ""
        _NAMES.release()

    def __enter__(self) -> Namespace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def namespaces(count: int) -> Iterator[list[Namespace]]:
    """Some namespaces for the time of a block."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Namespace()) for _ in range(count)]


def _checked(
    words: Sequence[str], *, given: str = "", expect: int | None = 0, timeout: float = 60
) -> str:
    result = subprocess.run(
        list(words), input=given, capture_output=True, text=True, timeout=timeout, check=False
    )
    if expect is not None and result.returncode != expect:
        raise CommandFailed(
            f"{' '.join(words)} ended with {result.returncode}\n{given}{result.stdout}{result.stderr}"
        )
    return result.stdout
