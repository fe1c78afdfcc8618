"""Owns running one command in a process group of its own, with its output read as it comes."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_runner.control import JobControl, kill_group
from local_runner.errors import JobStopped, StopReason, SystemFailure

_TICK_MS = 50  # how often a silent process is looked at
_READ_BYTES = 64 * 1024
_DRAIN_S = 0.5  # for a daemon that left the group and still holds the pipe


class CommandTimedOut(Exception):
    """The command ran into the limit of its own (not the job's timeout)."""


@dataclass(frozen=True)
class Command:
    """What to run, and how long at most (seconds; None = until the job's own timeout)."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    limit_s: float | None = None


def run(
    command: Command,
    *,
    sink: Callable[[bytes], None],
    control: JobControl,
    grace: Callable[[StopReason], float],
) -> int:
    """Run to the end and return the exit code (128 + n when killed by signal n).

    Raises JobStopped or CommandTimedOut after the whole group was killed, SystemFailure if it cannot be
    started. Whatever the command leaves running in its group is killed when it ends. (A process that made a
    session of its own with setsid is out of reach.)
    """
    try:
        process = subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env=dict(command.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise SystemFailure(f"cannot start {command.argv[0]}: {error}") from error
    control.process_started(process.pid)
    pipe = _Pipe(process, sink)
    try:
        _follow(process, pipe, command, control, grace)
    finally:
        kill_group(process.pid, signal.SIGKILL)
        pipe.read_until_closed(_DRAIN_S)
        control.process_ended()
        code = process.wait()
        pipe.close()
    return code if code >= 0 else 128 - code


def capture(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout_s: float = 60.0
) -> bytes | None:
    """The standard output of a short helper command, or None if it fails."""
    try:
        done = subprocess.run(
            argv, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _follow(
    process: subprocess.Popen[bytes],
    pipe: "_Pipe",
    command: Command,
    control: JobControl,
    grace: Callable[[StopReason], float],
) -> None:
    """Read output until the leader has exited or must be stopped. Does not reap it."""
    limit = time.monotonic() + command.limit_s if command.limit_s is not None else None
    while not _has_exited(process.pid):
        reason = control.stop_reason()
        out_of_time = limit is not None and time.monotonic() >= limit
        if reason is not None or out_of_time:
            kill_group(process.pid, signal.SIGTERM)
            pipe.read_until_closed(grace(reason or StopReason.TIMED_OUT))
            if reason is not None:
                raise JobStopped(reason)
            raise CommandTimedOut
        pipe.read_some()


def _has_exited(pid: int) -> bool:
    """Whether a child is over. It stays a zombie, so that its group number is not given to anyone else."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


class _Pipe:
    """The read end of a process's output."""

    def __init__(self, process: subprocess.Popen[bytes], sink: Callable[[bytes], None]) -> None:
        assert process.stdout is not None
        self._file = process.stdout
        self._fd = process.stdout.fileno()
        self._sink = sink
        self._open = True
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)

    def read_some(self, wait_ms: float = _TICK_MS) -> bool:
        """Pass on what is there, waiting a moment for it. False if there was nothing."""
        if not self._open:
            time.sleep(wait_ms / 1000)
            return False
        if not self._poll.poll(wait_ms):
            return False
        data = os.read(self._fd, _READ_BYTES)
        if data:
            self._sink(data)
        else:
            self._open = False
        return True

    def read_until_closed(self, limit_s: float) -> None:
        """Pass on the rest until every writer has closed it, or the time (seconds) is over."""
        end = time.monotonic() + limit_s
        while self._open and time.monotonic() < end:
            self.read_some()

    def close(self) -> None:
        """Let go of the pipe."""
        self._open = False
        self._file.close()
