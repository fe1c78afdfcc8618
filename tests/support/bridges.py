"""Runs what trigger jobs set off, as the worker does."""

from __future__ import annotations

from django.db import connection

from ci_core.actions.downstream import start_waiting_bridges
from ci_core.models import DownstreamPipeline, Job, Pipeline
from tests.support.jobs import job_of


def run_bridges() -> None:
    """Creates the downstream pipelines of all trigger jobs that are ready, and of those that this makes ready."""
    while start_waiting_bridges():
        pass


def downstream_of(job: Job) -> Pipeline:
    """The pipeline that a trigger job created, as it is now."""
    return DownstreamPipeline.objects.select_related("pipeline").get(source_job_id=job.pk).pipeline


def child_of(pipeline: Pipeline, name: str) -> Pipeline:
    """The pipeline that the newest run of the trigger job with this name created."""
    return downstream_of(job_of(pipeline, name))


def run_commit_hooks() -> None:
    """Runs what follows a commit, in a test that never commits."""
    while connection.run_on_commit:
        hooks = [entry[1] for entry in connection.run_on_commit]
        connection.run_on_commit.clear()
        for hook in hooks:
            hook()
