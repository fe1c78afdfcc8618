"""The bundled runner as a real process against a real server: clone, script, trace, artifact, success."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ci_core.actions import pipelines
from ci_core.models import Artifact, Job, Pipeline, Runner, TraceChunk
from ci_core.statuses import PipelineSource
from tests.factories import ProjectFactory, runner_with_token
from tests.support.invariants import assert_consistent
from tests.support.live_server import serving

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
stages: [build, test]
build:
  stage: build
  before_script: [echo "on $CI_COMMIT_REF_NAME"]
  script:
    - cat source.txt
    - mkdir out && tr a-z A-Z < source.txt > out/result.txt
  artifacts: {paths: [out/], expire_in: 1 hour}
check:
  stage: test
  script: [grep HELLO out/result.txt, git log --oneline]
"""


def run_local_runner(url: str, token: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs `python -m local_runner --once` until no job is left."""
    return subprocess.run(
        [sys.executable, "-m", "local_runner", "--url", url, "--work-dir", str(folder), "--once"],
        cwd=ROOT,
        env={**os.environ, "PIPEYARD_RUNNER_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=60,
    )


def log_of(job: Job) -> str:
    chunks = TraceChunk.objects.of_jobs([job.pk]).order_by("start")
    return b"".join(bytes(chunk.data) for chunk in chunks).decode()


def test_two_jobs_with_an_artifact_passed_on(settings: Any, tmp_path: Path) -> None:
    project = ProjectFactory(files={".gitlab-ci.yml": CONFIG, "source.txt": "hello\n"})
    _, token = runner_with_token()
    with serving(settings) as url:
        pipeline = pipelines.create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
        done = run_local_runner(url, token, tmp_path / "runner")
    jobs = list(Job.objects.in_pipeline(pipeline.pk).in_order())
    logs = [log_of(job) for job in jobs]
    assert done.returncode == 0, done.stdout + done.stderr
    assert [job.status for job in jobs] == ["success", "success"], logs
    assert Pipeline.objects.get(pk=pipeline.pk).status == "success"
    assert "on main" in logs[0]
    assert "HELLO" in logs[1]
    assert pipeline.sha[:7] in logs[1]
    artifact = Artifact.objects.of_jobs([jobs[0].pk]).get()
    assert (artifact.file_type, artifact.expire_at is not None) == ("archive", True)
    assert all("glcbt-" not in log for log in logs)
    assert Runner.objects.get().managers.get().executor
    assert_consistent(pipeline.pk)


def test_a_failing_script_fails_its_job_with_its_exit_code(settings: Any, tmp_path: Path) -> None:
    project = ProjectFactory(files={".gitlab-ci.yml": "only: {script: [echo no good, exit 42]}"})
    _, token = runner_with_token()
    with serving(settings) as url:
        pipeline = pipelines.create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
        run_local_runner(url, token, tmp_path / "runner")
    job = Job.objects.in_pipeline(pipeline.pk).get()
    assert (job.status, job.failure_reason, job.exit_code) == ("failed", "script_failure", 42)
    assert "no good" in log_of(job)
    assert_consistent(pipeline.pk)
