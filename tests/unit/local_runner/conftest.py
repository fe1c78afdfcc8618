"""Owns what the runner's tests share: a server, a git repository, and running jobs against them."""

import io
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local_runner.console import Console
from local_runner.loop import Loop
from local_runner.settings import Settings
from tests.unit.local_runner.fake_server import RUNNER_TOKEN, FakeServer


def is_alive(pid: int) -> bool:
    """Whether a process runs (a zombie that nobody has reaped does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(autouse=True)
def _own_folders():
    """Overrides the fixture of this name for the server's tests: the runner's tests run without Django."""


@pytest.fixture
def server():
    with FakeServer().running() as fake:
        yield fake


class Repository:
    """A git repository on disk, cloned by its path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        identity = (
            "-c",
            "user.name=Tester",
            "-c",
            "user.email=tester@example.com",
            "-c",
            "commit.gpgSign=false",
        )
        command = ("git", *identity, *arguments)
        return subprocess.run(
            command, cwd=self.path, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, **files: str) -> str:
        for name, content in files.items():
            (self.path / name).write_text(content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def git_info(self, sha: str, depth: int = 0) -> dict[str, Any]:
        refspecs = ["+refs/heads/main:refs/remotes/origin/main"]
        return {
            "repo_url": self.path.as_uri(), "ref": "main", "sha": sha, "refspecs": refspecs, "depth": depth
        }  # fmt: skip


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "repository")


class Bench:
    """Runs jobs against the fake server with short times."""

    def __init__(self, server: FakeServer, work_dir: Path) -> None:
        self.server = server
        self.work_dir = work_dir
        self.output = io.StringIO()
        self.changes: dict[str, Any] = {}

    def loop(self, **changes: Any) -> Loop:
        values: dict[str, Any] = {
            "url": self.server.url, "token": RUNNER_TOKEN, "work_dir": self.work_dir, "once": True,
            "concurrency": 1, "poll_pause_s": 0.01, "trace_interval_s": 0.02, "retry_first_s": 0.005,
            "final_retry_s": 0.01, "kill_grace_s": 0.5, "interrupt_grace_s": 0.2,
        }  # fmt: skip
        settings = Settings(**{**values, **self.changes, **changes})
        return Loop(settings, "r_abcdefghijkl", Console(self.output, (RUNNER_TOKEN,)))

    def add(self, *script: str, job_id: int = 1, **members: Any) -> dict[str, Any]:
        """Queue a job. Variables may be given as a plain mapping; git_info is left out unless given."""
        variables = [{"key": key, "value": value} for key, value in members.pop("env", {}).items()]
        if "git_info" not in members:
            variables.append({"key": "GIT_STRATEGY", "value": "none"})
        steps = [{"name": "script", "script": list(script)}]
        if after := members.pop("after_script", None):
            steps.append({"name": "after_script", "script": list(after)})
        job = {
            "id": job_id,
            "token": f"job-token-{job_id}",
            "allow_git_fetch": True,
            "job_info": {"name": f"job-{job_id}", "project_id": 7},
            "runner_info": {"timeout": members.pop("timeout", 30)},
            "variables": variables + members.pop("variables", []),
            "steps": steps,
            "features": {"failure_reasons": ["unknown_failure", "job_canceled", "runner_interrupted"]},
            **members,
        }
        self.server.jobs.append(job)
        return job

    def run(self, *script: str, **members: Any):
        """Run one job to its end and give its record."""
        job = self.add(*script, **members)
        assert self.loop().run() == 0
        return self.server.records[job["id"]]

    def project_dir(self, slot: int = 0) -> Path:
        return self.work_dir / "builds" / str(slot) / "project-7"


@pytest.fixture
def bench(server, tmp_path):
    return Bench(server, (tmp_path / "work").resolve())
