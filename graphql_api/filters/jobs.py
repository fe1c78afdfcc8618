"""Owns the way to few jobs among very many: those that are in the queue or on a runner."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any, Final

from django.db.models import Q, QuerySet

from ci_core import models
from ci_core.statuses import Status

#: Statuses whose jobs stand in a small table of their own.
_LISTED: Final = {
    Status.PENDING: models.PendingJob,
    Status.RUNNING: models.RunningJob,
    Status.CANCELING: models.RunningJob,
}


def listed_with(statuses: Iterable[Enum] | None) -> QuerySet[models.Job]:
    """All jobs, or those in the small tables if only their statuses are asked for: the others need not be looked at."""
    tables: set[Any] = {_LISTED.get(Status(str(status.value))) for status in statuses or ()}
    condition = Q()
    if tables and None not in tables:
        for table in tables:
            rows = table.objects.all()
            condition |= Q(pipeline_id__in=rows.values("pipeline_id"), id__in=rows.values("job_id"))
    found: QuerySet[models.Job] = models.Job.objects.filter(condition)
    return found
