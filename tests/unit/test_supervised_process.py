"""A supervised process does not outlive its supervisor, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from config.supervisor.console import Console
from config.supervisor.process import Child

said = Path(sys.argv[1])
command = [sys.executable, "-c", "import os, sys, time; print(os.getpid(), flush=True); time.sleep(600)"]
asyncio.run(Child("sleeper", command, said, Console(), {}).supervise())
"""


def eventually(true, seconds=20.0):
    """What `true` gives, as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


def is_gone(process: int) -> bool:
    """Whether a process has ended; one that nobody has buried yet counts as ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state.rpartition(")")[2].split()[0] == "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_its_supervisor(tmp_path, end):
    said = tmp_path / "log"
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(said)], stdout=subprocess.DEVNULL
    ) as supervisor:
        child = int(eventually(lambda: said.exists() and said.read_text(encoding="ascii").strip()))
        assert not is_gone(child)
        os.kill(supervisor.pid, end)
    eventually(lambda: is_gone(child))
