"""A runner that others wrote, in an environment of its own: register, two jobs with an artifact passed on, unregister.

gitlab-python-runner 14.3.20 works on Python 3.11 with gitlab-emulator 1.1.9 (runner-protocol.md, section 11).
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ci_core.actions import pipelines
from ci_core.actions.runners import create_registration_token
from ci_core.models import Artifact, Job, Pipeline, Runner, TraceChunk
from ci_core.statuses import PipelineSource
from ci_core.variables.given import GivenVariable
from tests.factories import ProjectFactory
from tests.support.invariants import assert_consistent
from tests.support.live_server import serving

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gitlab-python-runner==14.3.20", "gitlab-emulator==1.1.9", "requests_toolbelt")
HOME = Path(sys.prefix) / "third-party-runner"
CONFIG = """
stages: [build, test]
default: {tags: [third-party]}
build:
  stage: build
  script: [cat source.txt, mkdir out, tr a-z A-Z < source.txt > out/result.txt]
  artifacts: {paths: [out/]}
check:
  stage: test
  script: [grep HELLO out/result.txt]
"""


@pytest.fixture(scope="module")
def python() -> str:
    """The interpreter that has the runner; installed once, and kept beside this environment's packages."""
    if sys.version_info[:2] != (3, 11):
        pytest.skip("gitlab-python-runner 14.3.20 is known to work on Python 3.11 only")
    interpreter, ready = HOME / "bin" / "python", HOME / ".ready"
    uv = Path(sys.prefix) / "bin" / "uv"
    with HOME.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            for command in (
                ["venv", "--quiet", "--clear", "--python", sys.executable, str(HOME)],
                ["pip", "install", "--quiet", "--python", str(interpreter), *PACKAGES],
            ):
                try:
                    subprocess.run(
                        [str(uv), *command], check=True, capture_output=True, text=True, timeout=120
                    )
                except (OSError, subprocess.SubprocessError) as error:
                    said = getattr(error, "stderr", None) or error
                    pytest.skip(f"gitlab-python-runner cannot be installed here: {said}")
            ready.touch()
    return str(interpreter)


class ThirdPartyRunner:
    """Its command line, in a folder of its own."""

    def __init__(self, python: str, folder: Path) -> None:
        self._python = python
        self._folder = folder
        folder.mkdir()

    def run(self, *arguments: str) -> str:
        """Runs one command; gives what it printed. Its exit code must be 0."""
        done = subprocess.run(
            [self._python, "-m", "GitlabPyRunner", *arguments],
            cwd=self._folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self._folder), "GIT_TERMINAL_PROMPT": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def log_of(job: Job) -> str:
    chunks = TraceChunk.objects.of_jobs([job.pk]).order_by("start")
    return b"".join(bytes(chunk.data) for chunk in chunks).decode()


def test_it_registers_and_runs_two_jobs(python: str, settings: Any, tmp_path: Path) -> None:
    project = ProjectFactory(files={".gitlab-ci.yml": CONFIG, "source.txt": "hello\n"})
    third_party = ThirdPartyRunner(python, tmp_path / "third-party")
    with serving(settings) as url:
        token = create_registration_token(project)
        third_party.run("--register", url, "--regtoken", token, "--tag", "third-party", "--desc", "theirs")
        runner = Runner.objects.get()
        assert (runner.description, runner.tags, runner.run_untagged) == ("theirs", ["third-party"], False)
        given = [GivenVariable("GITLAB_PYTHON_RUNNER_COMPUTED", "yes")]
        pipeline = pipelines.create_pipeline(
            project, "main", PipelineSource.API, acting_user=None, variables=given
        )
        for _ in range(2):
            third_party.run("--start", "gitlab-runner.yml", "--once")
        jobs = list(Job.objects.in_pipeline(pipeline.pk).in_order())
        logs = [log_of(job) for job in jobs]
        third_party.run("--unregister")
    assert [job.status for job in jobs] == ["success", "success"], logs
    assert Pipeline.objects.get(pk=pipeline.pk).status == "success"
    assert "hello" in logs[0]
    assert "HELLO" in logs[1]
    assert Artifact.objects.of_jobs([jobs[0].pk]).get().file_type == "archive"
    assert not Artifact.objects.of_jobs([jobs[1].pk]).exists()
    assert not Runner.objects.exists()
    assert_consistent(pipeline.pk)
