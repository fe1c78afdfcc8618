"""Drives processing vectors: files with `config`, `init` and `transitions` (see fixtures/processing/README.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction

from ci_core.actions import jobs as job_actions
from ci_core.actions import pipelines as pipeline_actions
from ci_core.decisions.transitions import Event
from ci_core.locks import lock_pipeline
from ci_core.models import Job, Pipeline, Stage
from ci_core.processing import advance
from ci_core.statuses import FailureReason, PipelineSource
from ci_core.transition import transition
from tests.factories import project_with

_ACTIONS: Mapping[str, Callable[[int], Any]] = {
    "success": job_actions.succeed_job,
    "drop": lambda job_id: job_actions.fail_job(job_id, FailureReason.SCRIPT_FAILURE),
    "cancel": job_actions.cancel_job,
    "play": lambda job_id: job_actions.play_job(job_id, acting_user=None),
    "retry": lambda job_id: job_actions.retry_job(job_id, acting_user=None),
    "unschedule": job_actions.unschedule_job,
}
_PIPELINE_ACTIONS: Mapping[str, Callable[[int], Any]] = {
    "retry": lambda pipeline_id: pipeline_actions.retry_pipeline(pipeline_id, acting_user=None),
    "cancel": pipeline_actions.cancel_pipeline,
}


def run_vector(path: Path) -> None:
    """Creates the vector's pipeline and compares it after creation and after each transition."""
    vector = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(vector) == {"config", "init", "transitions"}, path
    project = project_with(vector["config"], default_branch="master")
    pipeline = pipeline_actions.create_pipeline(project, "master", PipelineSource.PUSH, acting_user=None)
    assert state(pipeline.pk) == vector["init"]["expect"], "after creation"
    for number, step in enumerate(vector["transitions"], start=1):
        apply(pipeline.pk, step["event"], step.get("jobs"))
        assert state(pipeline.pk) == step["expect"], (
            f"after transition {number}: {step['event']} {step.get('jobs')}"
        )


def state(pipeline_id: int) -> dict[str, Any]:
    """Stored statuses in the form of a vector's `expect`."""
    jobs = Job.objects.in_pipeline(pipeline_id).latest_copies()
    return {
        "pipeline": Pipeline.objects.get(pk=pipeline_id).status,
        "stages": dict(Stage.objects.in_pipeline(pipeline_id).values_list("name", "status")),
        "jobs": dict(jobs.values_list("name", "status")),
    }


def apply(pipeline_id: int, event: str, names: list[str] | None) -> None:
    """Applies an event to the named jobs, or to the pipeline when no jobs are named."""
    if names is None:
        _PIPELINE_ACTIONS[event](pipeline_id)
        return
    latest = dict(Job.objects.in_pipeline(pipeline_id).latest_copies().values_list("name", "id"))
    for name in names:
        if event in _ACTIONS:
            _ACTIONS[event](latest[name])
        else:
            _fire(pipeline_id, latest[name], Event(event))


@transaction.atomic
def _fire(pipeline_id: int, job_id: int, event: Event) -> None:
    """Fires a raw status event, then processes."""
    pipeline = lock_pipeline(pipeline_id)
    assert transition(pipeline, [job_id], event), f"{event} is not possible"
    advance(pipeline)
