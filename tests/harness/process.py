"""A child process which cannot outlive the process that started it."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .waiting import wait_until

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)

# The kernel sends the death signal when the *thread* that forked ends. So one thread, which lives
# as long as this process, starts every child; a caller's short-lived thread cannot kill it.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")
_SPAWNER.submit(os.getpid).result()  # now: it would inherit the namespace of whoever is first


def _die_with(parent: int) -> None:
    """In the child: ask for SIGKILL when the parent ends; it may have ended already."""
    if _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0 or os.getppid() != parent:
        os._exit(127)


class ChildProcess:
    """One program, started, stopped and started again; its output is appended to one log file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        log_file: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.folder = folder
        self.log_file = log_file
        #: Laid over this process's own.
        self.environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._end_wanted = False
        self._paused = False

    @property
    def pid(self) -> int:
        """The process id of the running process."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process.pid

    def start(self) -> None:
        """Start the program. It must not be running."""
        if self.is_running():
            raise RuntimeError(f"{self.name} is running already, pid {self.pid}")
        parent = os.getpid()
        self._end_wanted = False

        def spawn() -> subprocess.Popen[bytes]:
            with self.log_file.open("ab") as log:
                return subprocess.Popen(
                    self.command,
                    cwd=self.folder,
                    env={**os.environ, **self.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=lambda: _die_with(parent),
                )

        self._process = _SPAWNER.submit(spawn).result()
        self._paused = False

    def is_running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit code of the last run, negative for a signal, None while it runs."""
        return None if self._process is None else self._process.poll()

    @property
    def ended_by_itself(self) -> bool:
        """Whether it ended though neither `terminate` nor `kill` asked it to."""
        return self._process is not None and not self.is_running() and not self._end_wanted

    def signal(self, number: int) -> None:
        """Send a signal to exactly this process."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        self._process.send_signal(number)

    def terminate(self, timeout: float = 60.0) -> int:
        """SIGTERM, then wait for the end; returns the exit code. Too slow: kill it and raise."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        self._end_wanted = self._end_wanted or self.is_running()
        # A paused process must be able to end as well. Before SIGTERM and to no other process:
        # SIGCONT takes back the stop by which the leak check, at the end, attaches to the program,
        # and it then waits for that stop for ever.
        if self._paused:
            self.resume()
        self._process.terminate()
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            where = self._where()
            self.kill()
            raise AssertionError(
                f"{self.name} did not end within {timeout:g} s of SIGTERM; killed it."
                f" It was {where}\n{self.tail()}"
            ) from None

    def _where(self) -> str:
        """What each thread of the process is doing, as the kernel says."""
        places = []
        for task in Path(f"/proc/{self.pid}/task").glob("*"):
            try:
                state = (task / "stat").read_text().rpartition(")")[2].split()[0]
                places.append(f"{state} in {(task / 'wchan').read_text() or '?'}")
            except OSError:
                continue
        return ", ".join(places)

    def kill(self) -> None:
        """SIGKILL, then wait for the end. Does nothing to a process that has ended."""
        self._end_wanted = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: the process stays, silent, with its connections open."""
        self.signal(signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        """SIGCONT after `pause`."""
        self.signal(signal.SIGCONT)
        self._paused = False

    def log(self) -> str:
        """Everything that the program wrote so far, over all its runs."""
        try:
            return self.log_file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def clear_log(self) -> None:
        """Let the log begin anew; what it had is in LOG.old."""
        with self.log_file.with_name(f"{self.log_file.name}.old").open("ab") as old:
            old.write(self.log_file.read_bytes())
        os.truncate(self.log_file, 0)

    def tail(self, lines: int = 40) -> str:
        """The last lines of the log, with a heading, for messages."""
        text = "\n".join(self.log().splitlines()[-lines:])
        return f"--- {self.name}: end of {self.log_file} ---\n{text}\n---"

    def log_has(self, pattern: str) -> bool:
        """Whether a line of the log matches the regular expression."""
        return re.search(pattern, self.log(), re.MULTILINE) is not None

    def wait_log(self, pattern: str, timeout: float = 10.0) -> None:
        """Wait until `log_has(pattern)`."""
        wait_until(
            lambda: self.log_has(pattern),
            timeout,
            lambda: f"{self.name} did not log {pattern!r}\n{self.tail()}",
        )
