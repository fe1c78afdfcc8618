"""A chain with real tools: curl and a trigger token, then a job with its job token, on the bundled runner."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ci_core.actions.trigger_tokens import create_trigger
from ci_core.models import Job, Pipeline
from ci_core.statuses import AccessLevel
from tests.e2e.test_local_runner import log_of, run_local_runner
from tests.factories import member, project_with, runner_with_token
from tests.support.invariants import assert_all_consistent
from tests.support.live_server import serving

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]

CONFIG = """
first:
  only: [triggers]
  script:
    - cat "$TRIGGER_PAYLOAD"
    - echo "by $CI_TRIGGER_SHORT_TOKEN for $COLOUR"
    - >-
      curl --fail --silent --show-error --request POST --form token="$CI_JOB_TOKEN" --form ref=main
      --form "variables[COLOUR]=red" "$CI_API_V4_URL/projects/$CI_PROJECT_ID/trigger/pipeline"
second:
  only: [pipelines]
  script: [echo "for $COLOUR below $CI_UPSTREAM_PIPELINE_ID"]
"""


def test_curl_and_then_a_job(settings: Any, tmp_path: Path) -> None:
    project = project_with(CONFIG, full_path="group/shop")
    trigger = create_trigger(project, acting_user=member(project, AccessLevel.MAINTAINER), description="t")
    _, token = runner_with_token()
    with serving(settings) as url:
        command = ["curl", "--fail", "--silent", "--show-error", "--request", "POST"]
        for field in (f"token={trigger.new_token}", "ref=main", "variables[COLOUR]=blue"):
            command += ["--form", field]
        command.append(f"{url}/api/v4/projects/group%2Fshop/trigger/pipeline")
        called = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert called.returncode == 0, called.stderr
        done = run_local_runner(url, token, tmp_path / "runner")
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = Pipeline.objects.order_by("pk")
    logs = [log_of(Job.objects.in_pipeline(pipeline.pk).get()) for pipeline in (first, second)]
    assert (first.status, second.status) == ("success", "success"), logs
    assert (first.source, second.source) == ("trigger", "pipeline")
    assert '"variables":{"COLOUR":"blue"}' in logs[0]
    assert f"by {trigger.short_token} for blue" in logs[0]
    assert f"for red below {first.pk}" in logs[1]
    assert not any(secret in log for log in logs for secret in (trigger.new_token or "", "glcbt-"))
    assert_all_consistent()
