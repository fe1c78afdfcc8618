"""A real Redis server for tests, on a Unix socket in a folder of its own, which may be killed and started again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

#: Seconds that the server may take to start or stop.
PATIENCE = 10.0


class RedisServer:
    """One server; its URL stays the same when it is started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    def start(self) -> None:
        """Starts the server, and waits until it answers."""
        command = ["redis-server", "--port", "0", "--unixsocket", str(self._socket), "--save", ""]
        command += ["--appendonly", "no", "--dir", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self._process.poll() is None, "redis-server could not start"
            try:
                self.ask("PING")
                return
            except redis.ConnectionError:
                time.sleep(0.01)
        raise AssertionError("redis-server did not start in time")

    def kill(self) -> None:
        """Ends the server in the middle of whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def pause(self) -> None:
        """Lets the server go on to exist, but do nothing: its connections stay open, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Ends a pause."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def ask(self, *command: str) -> Any:
        """The answer to a command."""
        with redis.Redis.from_url(self.url, socket_timeout=PATIENCE, decode_responses=True) as client:
            return client.execute_command(*command)

    def connections(self) -> int:
        """Connections that clients have open, without the one that asks."""
        return len(str(self.ask("CLIENT", "LIST")).splitlines()) - 1


@contextmanager
def redis_server(settings: Any) -> Iterator[RedisServer]:
    """A server that the application uses meanwhile; skips the test where Redis is not installed."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed, so nothing is said of the relay over Redis")
    folder = Path(tempfile.mkdtemp(prefix="pipeyard-redis-"))
    server = RedisServer(folder)
    try:
        server.start()
        settings.PIPEYARD_REDIS_URL = server.url
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
