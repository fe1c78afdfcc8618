"""One child process that is started again when it dies, and stopped with everything it started.

It stops, too, when the supervisor dies without a chance to stop it: else its port would be taken, and jobs would be run
by a runner that nobody sees. That is Linux's doing; elsewhere it goes on.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from config.env import child_environment
from config.supervisor.console import Console

#: Seconds before a process that died is started again; doubles up to RESTART_MOST while it keeps dying.
RESTART_AFTER: Final = 1.0
RESTART_MOST: Final = 30.0
#: Seconds a process must have lived for its next death to count as the first.
HEALTHY_AFTER: Final = 30.0
#: Seconds that a process gets to stop by itself.
STOP_WITHIN: Final = 12.0
#: Which signal a process gets when its parent dies (prctl(2)). Loaded here: a child that has yet to begin its program
#: must not import anything.
_SIGNAL_OF_PARENTS_DEATH: Final = 1
_PRCTL: Final = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class Child:
    """A supervised process. Its output goes to `log`, its restarts are told on the console."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, console: Console, environment: dict[str, str]
    ) -> None:
        self.name = name
        self._command = command
        self._log = log
        self._console = console
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    async def supervise(self) -> None:
        """Runs the process, again and again, until cancelled; then stops it."""
        delay = RESTART_AFTER
        try:
            while True:
                started = asyncio.get_running_loop().time()
                code = await self._run()
                if asyncio.get_running_loop().time() - started > HEALTHY_AFTER:
                    delay = RESTART_AFTER
                self._console.warn(
                    f"{self.name} ended with {_meaning(code)}; starting it again in {delay:.0f} s (log: {self._log})"
                )
                await asyncio.sleep(delay)
                delay = min(delay * 2, RESTART_MOST)
        finally:
            await self._stop()

    async def _run(self) -> int:
        supervisor = os.getpid()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=child_environment(**self._environment),
                start_new_session=True,
                preexec_fn=lambda: _stop_with(supervisor),
            )
        self._console.say(f"{self.name} started (process {self._process.pid})")
        code = await self._process.wait()
        # What it had started must not be in the way of the next one.
        _kill_group(self._process.pid)
        return code

    async def _stop(self) -> None:
        """Asks the process to stop, and ends its whole group if it does not."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_WITHIN):
                await process.wait()
        except TimeoutError:
            self._console.warn(f"{self.name} did not stop within {STOP_WITHIN:.0f} s and is killed")
        finally:
            _kill_group(process.pid)
        self._console.say(f"{self.name} stopped")


def _stop_with(parent: int) -> None:
    """Has this process told to stop when its parent dies. Called in the child, before its program begins."""
    if _PRCTL is not None:
        _PRCTL(_SIGNAL_OF_PARENTS_DEATH, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _meaning(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
