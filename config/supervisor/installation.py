"""A small installation: what `make run` starts, in order, and how it is stopped."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from config.env import ROOT, Env, child_environment
from config.supervisor.console import Console
from config.supervisor.postgres import EmbeddedPostgres
from config.supervisor.process import Child
from config.web.address import bound_socket

#: Seconds within which web server and worker must be ready.
READY_WITHIN: Final = 60.0


class SetupFailed(Exception):
    """A step before the processes failed; its output says why."""


class Stopped(Exception):
    """Somebody stopped the installation before everything was started."""


class Installation:
    """Starts database, migrations, sample data and processes, and keeps them going until told to stop."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self._console = Console()
        self._postgres: EmbeddedPostgres | None = None
        self._logs = env.home / "log"
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Runs until SIGINT or SIGTERM; returns the exit code."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop.set)
        try:
            with _only_one(self._env.home):
                environment = await self._prepare()
                await self._supervise(environment)
        except SetupFailed as error:
            self._console.warn(str(error))
            return 1
        except Stopped:
            self._console.say("stopped before everything was started")
            return 0
        finally:
            await asyncio.to_thread(self._stop_database)
        self._console.say("stopped")
        return 0

    async def _prepare(self) -> dict[str, str]:
        """Everything before the processes; returns what their environment has on top of ours."""
        home = self._env.home
        self._logs.mkdir(exist_ok=True)
        self._console.say(f"state is kept in {home}")
        _refuse_used_port(self._env.bind, self._env.port)
        environment = {
            "PIPEYARD_HOME": str(home),
            "PORT": str(self._env.port),
            "PIPEYARD_SECRET_KEY": _secret_key(home / "secret-key"),
            "DATABASE_URL": await asyncio.to_thread(self._start_database),
        }
        await self._step(
            "applying migrations", environment, "migrate", "--no-input", "--verbosity=0", "--skip-checks"
        )
        await self._step("loading the sample projects", environment, "seed")
        return environment

    def _start_database(self) -> str:
        if self._env.database_url and self._env.database_is_given:
            self._console.say("using the database of DATABASE_URL")
            return self._env.database_url
        self._console.say("starting the embedded PostgreSQL")
        self._postgres = EmbeddedPostgres(self._env.home)
        url = self._postgres.start()
        _write_private(self._env.home / "database-url", url)
        return url

    def _stop_database(self) -> None:
        if self._postgres is not None:
            self._console.say("stopping PostgreSQL")
            self._postgres.stop()

    async def _step(self, what: str, environment: dict[str, str], *command: str) -> None:
        """Runs one manage.py command to its end. Raises SetupFailed with its output, and Stopped."""
        self._console.say(what)
        process = await asyncio.create_subprocess_exec(
            *_manage(*command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=child_environment(**environment),
            start_new_session=True,
        )
        working = asyncio.ensure_future(process.communicate())
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not working.done():
            process.terminate()
        output, _ = await working
        if self._stop.is_set():
            raise Stopped
        if process.returncode:
            raise SetupFailed(f"{what} failed:\n{output.decode(errors='replace')}")
        for line in output.decode(errors="replace").splitlines():
            self._console.say(f"  {line}")

    async def _supervise(self, environment: dict[str, str]) -> None:
        children = [
            Child(name, command, self._logs / f"{name}.log", self._console, environment | extra)
            for name, command, extra in self._commands()
        ]
        tasks = [asyncio.create_task(child.supervise(), name=child.name) for child in children]
        stopping = asyncio.create_task(self._stop.wait())
        announcing = asyncio.create_task(self._announce())
        await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        self._console.say("stopping")
        announcing.cancel()
        for task in reversed(tasks):
            task.cancel()
        results = await asyncio.gather(*tasks, announcing, stopping, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _commands(self) -> list[tuple[str, list[str], dict[str, str]]]:
        env = self._env
        runner = [sys.executable, "-m", "local_runner", "--url", f"http://127.0.0.1:{env.port}"]
        runner += ["--concurrency", "2", "--work-dir", str(env.home / "runner"), "--name", "local runner"]
        token = (env.home / "runner-token").read_text(encoding="utf-8").strip()
        return [
            ("web", _manage("web"), {}),
            ("worker", _manage("worker"), {}),
            ("runner", runner, {"PIPEYARD_RUNNER_TOKEN": token}),
        ]

    async def _announce(self) -> None:
        """Waits until everything is ready, then prints where it is."""
        url = f"http://127.0.0.1:{self._env.port}"
        async with httpx.AsyncClient(timeout=5) as client:
            deadline = asyncio.get_running_loop().time() + READY_WITHIN
            while not await _is_ready(client, url):
                if asyncio.get_running_loop().time() > deadline:
                    self._console.warn(f"not ready after {READY_WITHIN:.0f} s; see the logs in {self._logs}")
                    deadline = float("inf")
                await asyncio.sleep(0.2)
        password = (self._env.home / "demo-password").read_text(encoding="utf-8").strip()
        self._console.say("ready")
        self._console.box(
            "Pipeyard is up",
            [
                ("GraphQL", f"{url}/api/graphql"),
                ("Explorer", f"{url}/-/graphql-explorer"),
                ("Admin", f"{url}/admin/"),
                ("Sign in", f"demo, with the password {password}"),
                ("API token", str(self._env.home / "demo-token")),
                ("Logs", str(self._logs)),
                ("Stop", "Ctrl-C"),
            ],
        )


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Holds the installation's lock. Raises SetupFailed if another `manage.py up` has it."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SetupFailed(
                f"Pipeyard runs already with {home}: stop it, or set another PIPEYARD_HOME."
            ) from None
        yield


def _refuse_used_port(bind: str, port: int) -> None:
    try:
        bound_socket(bind, port).close()
    except OSError as error:
        raise SetupFailed(
            f"Port {port} of {bind} cannot be used ({error.strerror}): set another PORT."
        ) from error


def _manage(*command: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *command]


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/-/readiness")).status_code == 200
    except httpx.HTTPError:
        return False


def _secret_key(path: Path) -> str:
    """The installation's key, made at the first start."""
    if not path.exists():
        _write_private(path, secrets.token_urlsafe(48))
    return path.read_text(encoding="utf-8").strip()


def _write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, whole or not at all."""
    partial = path.with_name(f"{path.name}.part")
    with os.fdopen(
        os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text + "\n")
    partial.replace(path)
