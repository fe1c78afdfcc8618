"""From `make run` on a clean clone to the first sample pipeline finished: `python -m bench.first_pipeline`.

Prints the wall time of each phase. The baseline is the set-up itself: the phases as shares of the whole.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from config.env import ROOT
from config.supervisor.postgres import EmbeddedPostgres

#: Phases in order: what is printed when one begins.
PHASES: Final = (
    ("virtual environment", "==> creating the virtual environment"),
    ("dependencies", "==> installing dependencies"),
    ("explorer assets", "==> installing the GraphQL explorer"),
    ("database", "starting the embedded PostgreSQL"),
    ("migrations", "applying migrations"),
    ("sample projects", "loading the sample projects"),
    ("server, worker, runner", "web started"),
    ("first pipeline", "ready"),
)
QUERY: Final = """{ project(fullPath: "samples/web-shop") { pipelines(first: 1) { nodes {
    status duration queuedDuration } } } }"""
#: Seconds after which the benchmark gives up.
LIMIT: Final = 600


def main() -> None:
    """Clones the repository as committed, runs `make run`, and waits for the first pipeline."""
    with tempfile.TemporaryDirectory(prefix="pipeyard-clone-") as folder:
        clone, home = Path(folder) / "pipeyard", Path(folder) / "home"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        port = _free_port()
        keep = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
        started = time.monotonic()
        process = subprocess.Popen(
            ["make", "run"],
            cwd=clone,
            env={**keep, "PORT": str(port), "PIPEYARD_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        begun: dict[str, float] = {}
        reader = threading.Thread(target=_note_phases, args=(process, begun, started), daemon=True)
        reader.start()
        try:
            finished = _wait_for_pipeline(port, home, started)
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)
            # As root, the database lies elsewhere.
            shutil.rmtree(EmbeddedPostgres(home).data, ignore_errors=True)
        _print(begun, finished)


def _note_phases(process: subprocess.Popen[str], begun: dict[str, float], started: float) -> None:
    """Notes when the first line of each phase appears."""
    assert process.stdout is not None
    for line in process.stdout:
        text = re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip()
        for name, sign in PHASES:
            if name not in begun and sign in text:
                begun[name] = time.monotonic() - started


def _wait_for_pipeline(port: int, home: Path, started: float) -> float:
    """Seconds until the sample pipeline has finished."""
    while time.monotonic() - started < LIMIT:
        try:
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/api/graphql",
                data=json.dumps({"query": QUERY}).encode(),
                headers={
                    "Authorization": f"Bearer {(home / 'demo-token').read_text().strip()}",
                    "Content-Type": "application/json",
                },
            )
            with urllib.request.urlopen(request, timeout=5) as answer:
                nodes = json.load(answer)["data"]["project"]["pipelines"]["nodes"]
            if nodes[0]["status"] in ("SUCCESS", "FAILED"):
                return time.monotonic() - started
        except (OSError, KeyError, TypeError, IndexError):
            pass
        time.sleep(0.2)
    raise SystemExit(f"no finished pipeline after {LIMIT} s")


def _print(begun: dict[str, float], finished: float) -> None:
    table = Table(title="make run on a clean clone -> first pipeline finished")
    for heading in ("phase", "seconds", "share"):
        table.add_column(heading, justify="left" if heading == "phase" else "right")
    names = [name for name, _ in PHASES if name in begun]
    ends = [begun[name] for name in names[1:]] + [finished]
    for name, end in zip(names, ends, strict=True):
        table.add_row(name, f"{end - begun[name]:.1f}", f"{(end - begun[name]) / finished:.0%}")
    table.add_row("all", f"{finished:.1f}", "100%")
    Console().print(table)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
