"""Owns the question "must this job stop now, and why?", asked by its phases, answered by other threads."""

import contextlib
import os
import signal
import threading
import time

from local_runner.errors import JobStopped, StopReason


class JobControl:
    """The stop switch of one job.

    A soft cancel stops what runs up to the end of the script, once; after `begin_wind_down` (after_script,
    cache, artifacts) it no longer does. Abort, timeout and interruption stop every phase.
    """

    def __init__(self, *, timeout_s: float, interrupted: threading.Event) -> None:
        self._deadline = time.monotonic() + timeout_s
        self._interrupted = interrupted
        self._aborted = threading.Event()
        self._cancel = threading.Event()
        self._winding_down = False
        self._group: int | None = None
        self._group_lock = threading.RLock()  # also taken by a signal handler, in the main thread

    @property
    def cancel_requested(self) -> bool:
        """Whether the server asked for a graceful cancel at any time."""
        return self._cancel.is_set()

    @property
    def interrupted(self) -> bool:
        """Whether the runner is shutting down."""
        return self._interrupted.is_set()

    @property
    def aborted(self) -> bool:
        """Whether the server no longer wants the job."""
        return self._aborted.is_set()

    def request_cancel(self) -> None:
        """Graceful: end the script, then run after_script and the uploads."""
        self._cancel.set()

    def abort(self) -> None:
        """The server no longer wants the job: kill it."""
        self._aborted.set()

    def begin_wind_down(self) -> None:
        """From here on a soft cancel stops nothing."""
        self._winding_down = True

    def stop_reason(self) -> StopReason | None:
        """Why the current phase has to stop, or None."""
        if self._interrupted.is_set():
            return StopReason.INTERRUPTED
        if self._aborted.is_set():
            return StopReason.ABORTED
        if time.monotonic() >= self._deadline:
            return StopReason.TIMED_OUT
        if self._cancel.is_set() and not self._winding_down:
            return StopReason.CANCELED
        return None

    def check(self) -> None:
        """Raise JobStopped if the current phase has to stop."""
        reason = self.stop_reason()
        if reason is not None:
            raise JobStopped(reason)

    def process_started(self, group: int) -> None:
        """Remember the process group that is running now."""
        with self._group_lock:
            self._group = group

    def process_ended(self) -> None:
        """Forget it. Called before its leader is reaped, so that the number cannot mean another group yet."""
        with self._group_lock:
            self._group = None

    def kill_now(self) -> None:
        """Last resort at shutdown: kill the running process group without waiting."""
        with self._group_lock:
            if self._group is not None:
                kill_group(self._group, signal.SIGKILL)


def kill_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process group; a group that is gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
