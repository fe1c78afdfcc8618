"""Owns what is known of a pipeline or a stage from its jobs: counts and flags, one statement for all pipelines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.db.models import Avg, Count, Q

from ci_core import models
from ci_core.models.ids import pipeline_of
from ci_core.statuses import CANCELABLE, SchedulingType, Status
from graphql_api.context import Context


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What the latest jobs of a pipeline or a stage amount to."""

    total: int = 0
    failed: int = 0
    warnings: int = 0
    cancelable: int = 0
    retryable: int = 0
    manual: int = 0
    scheduled: int = 0
    with_needs: int = 0
    coverage: float | None = None


_LATEST: Final = Q(retried=False)
_FAILED: Final = _LATEST & Q(status=Status.FAILED.value)
_COUNTS: Final = {
    "total": Count("id", filter=_LATEST),
    "failed": Count("id", filter=_FAILED),
    "warnings": Count("id", filter=_FAILED & Q(allow_failure=True)),
    "cancelable": Count("id", filter=_LATEST & Q(status__in=[status.value for status in CANCELABLE])),
    "retryable": Count("id", filter=_LATEST & Q(status__in=[Status.FAILED.value, Status.CANCELED.value])),
    "manual": Count("id", filter=_LATEST & Q(status=Status.MANUAL.value)),
    "scheduled": Count("id", filter=_LATEST & Q(status=Status.SCHEDULED.value)),
    "with_needs": Count("id", filter=_LATEST & Q(scheduling_type=SchedulingType.DAG.value)),
    "coverage": Avg("coverage", filter=_LATEST),
}


def of_pipelines(context: Context, pipeline_ids: Iterable[int]) -> list[JobFacts]:
    """The facts of each pipeline."""
    ids = list(pipeline_ids)

    def read(missing: list[int]) -> Mapping[int, JobFacts]:
        rows = models.Job.objects.in_pipelines(missing).order_by().values("pipeline_id").annotate(**_COUNTS)
        return {row.pop("pipeline_id"): JobFacts(**row) for row in rows}

    found = context.remembered("pipeline facts", ids, read)
    return [found[id_] or JobFacts() for id_ in ids]


def stages_with_warnings(context: Context, stages: Iterable[models.Stage]) -> set[int]:
    """Ids of those of the stages in which a job failed that is allowed to."""
    ids = [stage.pk for stage in stages]

    def read(missing: list[int]) -> Mapping[int, bool]:
        pipeline_ids = {pipeline_of(stage_id) for stage_id in missing}
        warned = models.Job.objects.in_pipelines(pipeline_ids).filter(_FAILED, allow_failure=True)
        return dict.fromkeys(warned.filter(stage_id__in=missing).values_list("stage_id", flat=True), True)

    found = context.remembered("stage warnings", ids, read)
    return {id_ for id_ in ids if found[id_]}
