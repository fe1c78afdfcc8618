"""Owns reading the event log backwards: which status pipelines, stages and jobs had at some time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from ci_core import models
from ci_core.models import EventKind
from ci_core.statuses import Status
from graphql_api.context import Context
from graphql_api.loaders import jobs as job_loader

#: Kind and id -> status.
Statuses: TypeAlias = Mapping[tuple[str, int], str]


@dataclass(frozen=True, slots=True)
class JobThen:
    """A job, and the status it had."""

    job: models.Job
    status: str


@dataclass(frozen=True, slots=True)
class StageThen:
    """A stage, and the status it had."""

    stage: models.Stage
    status: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A pipeline at a time, with the status it had and those of all of its jobs that there were."""

    pipeline_id: int
    time: datetime
    status: str
    statuses: Statuses


def moments(pipeline_ids: Iterable[int], time: datetime) -> Mapping[int, Moment]:
    """Each pipeline as it was at a time; those that were not made yet are left out."""
    order = ("pipeline_id", "kind", "subject_id")
    last_events = (
        models.Event.objects.in_pipelines(pipeline_ids)
        .filter(created_at__lte=time)
        .order_by(*order, "-id")
        .distinct(*order)
    )
    found: dict[int, dict[tuple[str, int], str]] = {}
    for pipeline_id, kind, subject_id, status in last_events.values_list(*order, "status"):
        found.setdefault(pipeline_id, {})[kind, subject_id] = status
    return {
        pipeline_id: Moment(pipeline_id, time, status, statuses)
        for pipeline_id, statuses in found.items()
        if (status := statuses.get((EventKind.PIPELINE, pipeline_id))) is not None
    }


def jobs(context: Context, parents: Sequence[Moment]) -> list[list[JobThen]]:
    """The jobs of each moment as the configuration lists them; of a job that was retried by then, its newest copy."""
    ids = list(dict.fromkeys(moment.pipeline_id for moment in parents))
    found: dict[int, list[models.Job]] = {}
    for job in models.Job.objects.in_pipelines(ids).in_order():
        found.setdefault(job.pipeline_id, []).append(job)
    context.know(job for jobs in found.values() for job in jobs)
    return [_jobs_of(moment, found.get(moment.pipeline_id, ())) for moment in parents]


def _jobs_of(moment: Moment, jobs: Sequence[models.Job]) -> list[JobThen]:
    newest: dict[str, JobThen] = {}
    for job in jobs:
        status = moment.statuses.get((EventKind.JOB, job.pk))
        if status is not None:
            newest[job.name] = JobThen(job, status)
    return list(newest.values())


def stages(context: Context, parents: Sequence[Moment]) -> list[list[StageThen]]:
    """The stages of each moment, in their order. A stage is made with its pipeline, as `created`."""
    found = job_loader.stages(context, dict.fromkeys(moment.pipeline_id for moment in parents))
    return [
        [
            StageThen(stage, moment.statuses.get((EventKind.STAGE, stage.pk), Status.CREATED.value))
            for stage in found.get(moment.pipeline_id, ())
        ]
        for moment in parents
    ]
