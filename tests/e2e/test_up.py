"""`manage.py up` as a user starts it: everything comes up, goes on after a crash and a restart, and stops cleanly."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from config.env import ROOT
from config.supervisor.postgres import EmbeddedPostgres

pytestmark = pytest.mark.e2e

#: Seconds that a step may take on a busy machine; far above what it takes.
PATIENCE = 90.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def eventually(check: Callable[[], Any], what: str) -> Any:
    """Waits until `check` gives something true."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.2)
    pytest.fail(f"{what}: not within {PATIENCE} s")


class Up:
    """A running `manage.py up`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.output = home.with_suffix(".out")
        environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
        environment |= {"PIPEYARD_HOME": str(home), "PORT": str(self.port), "COLUMNS": "200"}
        environment.pop("PIPEYARD_SECRET_KEY", None)
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "up"],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=ROOT,
            )

    def said(self, text: str) -> bool:
        return text in self.output.read_text()

    def get(self, path: str) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, None
        except OSError:
            return 0, None

    def graphql(self, query: str) -> Any:
        token = (self.home / "demo-token").read_text().strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/graphql",
            data=json.dumps({"query": query}).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = json.load(answer)
        assert "errors" not in body, body
        return body["data"]

    def wait_until_ready(self) -> None:
        eventually(lambda: self.process.poll() is not None or self.get("/-/readiness")[0] == 200, "readiness")
        assert self.process.poll() is None, self.output.read_text()

    def stop(self, how: signal.Signals) -> int:
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(how)
        code = self.process.wait(PATIENCE)
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive, f"left behind: {alive}"
        return code


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    yield folder
    # As root, the database lies elsewhere.
    shutil.rmtree(EmbeddedPostgres(folder).data, ignore_errors=True)


@pytest.fixture
def up(home: Path) -> Iterator[Up]:
    started = Up(home)
    yield started
    if started.process.poll() is None:
        started.stop(signal.SIGTERM)


SHOP = """{ project(fullPath: "samples/web-shop") { pipelines(first: 1) { nodes {
    status jobs { nodes { name status } } } } } }"""


FAMILY = """{ project(fullPath: "samples/family") { pipelines(last: 1) { nodes {
    status downstream { nodes { status child sourceJob { name } jobs { nodes { name status } } } } } } } }"""


def family_pipeline(up: Up) -> Any:
    return up.graphql(FAMILY)["project"]["pipelines"]["nodes"][0]


def shop_pipeline(up: Up) -> Any:
    return up.graphql(SHOP)["project"]["pipelines"]["nodes"][0]


def test_from_nothing_to_a_finished_pipeline_and_back(up: Up, home: Path) -> None:
    up.wait_until_ready()
    assert up.get("/-/health") == (200, {"status": "ok"})
    assert up.get("/-/readiness")[1]["worker"] == "ok"
    assert stat.S_IMODE((home / "demo-token").stat().st_mode) == 0o600
    eventually(
        lambda: up.said("demo, with the password"), "the demo login, which is printed after the addresses"
    )
    assert up.said("Pipeyard is up")

    eventually(lambda: shop_pipeline(up)["status"] == "SUCCESS", "the first pipeline")
    statuses = {job["status"] for job in shop_pipeline(up)["jobs"]["nodes"]}
    assert statuses == {"SUCCESS", "FAILED", "MANUAL"}

    eventually(lambda: family_pipeline(up)["status"] == "SUCCESS", "the parent pipeline of the family")
    children = family_pipeline(up)["downstream"]["nodes"]
    assert {child["sourceJob"]["name"]: child["status"] for child in children} == {
        "checks": "SUCCESS",
        "generated": "SUCCESS",
    }
    assert any(job["name"] == "greet:fr" for child in children for job in child["jobs"]["nodes"])

    for name in ("worker", "web"):
        killed = next(
            child for child in psutil.Process(up.process.pid).children() if child.cmdline()[-1] == name
        )
        killed.kill()
        news = f"{name} ended with signal SIGKILL; starting it again"
        eventually(lambda news=news: up.said(news), "news of the crash")
    eventually(lambda: up.get("/-/health")[0] == 200, "another web server at the same port")
    assert up.stop(signal.SIGINT) == 0
    eventually(lambda: up.said("stopped"), "the last word")

    again = Up(home)
    try:
        again.wait_until_ready()
        assert shop_pipeline(again)["status"] == "SUCCESS"
        second = Up(home)
        assert second.process.wait(PATIENCE) == 1
        assert second.said("Pipeyard runs already with")
    finally:
        assert again.stop(signal.SIGTERM) == 0


def test_a_port_that_is_taken_is_named(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = {**os.environ, "PIPEYARD_HOME": str(home), "PORT": str(taken.getsockname()[1])}
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), "up"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 1
    assert "set another PORT" in done.stdout
