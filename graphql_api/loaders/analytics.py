"""Owns counting pipelines over time: by outcome, by length, by day or month; one statement for all projects.

Not the ORM: it has no ordered-set aggregates, and the percentiles of a period come from one pass over an index.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from django.db import connection

from ci_core import models
from graphql_api.lateral import rows_per_parent

PERCENTILES: Final = (50, 75, 90, 95, 99)
#: Newest pipelines whose lengths are shown one by one. Source: GitLab, Gitlab::Ci::Charts::PipelineTime.
LATEST: Final = 30

#: Outcomes as GitLab groups them: Ci::CollectPipelineAnalyticsServiceBase.
_FIGURES: Final = """
    count(*),
    count(*) FILTER (WHERE status = 'success'),
    count(*) FILTER (WHERE status = 'failed'),
    count(*) FILTER (WHERE status IN ('canceled', 'skipped')),
    percentile_cont(%(fractions)s::float8[]) WITHIN GROUP (ORDER BY duration)
FROM ci_core_pipeline
WHERE project_id = ANY(%(projects)s) AND started_at >= %(start)s AND started_at < %(end)s
  AND status IN ('success', 'failed', 'canceled', 'skipped')
  AND (%(source)s::text IS NULL OR source = %(source)s)
  AND (%(ref)s::text IS NULL OR ref = %(ref)s)
"""
_WHOLE: Final = f"SELECT project_id, NULL::date, {_FIGURES} GROUP BY 1"
_SERIES: Final = (
    f"SELECT project_id, date_trunc(%(period)s, started_at, 'UTC')::date, {_FIGURES} GROUP BY 1, 2"
)

_CREATED: Final = """
SELECT project_id, date_trunc(%(period)s, created_at, 'UTC')::date, count(*),
    count(*) FILTER (WHERE status = 'success')
FROM ci_core_pipeline
WHERE project_id = ANY(%(projects)s) AND created_at >= %(start)s AND created_at < %(end)s
GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which pipelines are looked at: those that started from `start` on and before `end`. None: any source, any ref."""

    start: datetime
    end: datetime
    source: str | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """What came of the pipelines of a period. label: its first day, in UTC; None for the whole selection.

    percentiles: seconds by per cent; empty where no pipeline has a length.
    """

    label: date | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    percentiles: Mapping[int, float] = field(default_factory=dict)


def whole(project_ids: Sequence[int], selection: Selection) -> Mapping[int, Period]:
    """What came of all pipelines of the selection, by project; projects without any are left out."""
    return dict(_periods(_WHOLE, project_ids, selection))


def series(
    project_ids: Sequence[int], selection: Selection, period: str
) -> Mapping[int, Mapping[date | None, Period]]:
    """The same for each day, week or month (period), by project and first day; empty ones are left out."""
    found: dict[int, dict[date | None, Period]] = {}
    for project_id, row in _periods(_SERIES, project_ids, selection, period):
        found.setdefault(project_id, {})[row.label] = row
    return found


def _periods(
    statement: str, project_ids: Sequence[int], selection: Selection, period: str = ""
) -> Iterator[tuple[int, Period]]:
    parameters = {
        "projects": list(project_ids),
        "start": selection.start,
        "end": selection.end,
        "source": selection.source,
        "ref": selection.ref,
        "period": period,
        "fractions": [percent / 100 for percent in PERCENTILES],
    }
    for project_id, label, total, success, failed, other, lengths in _rows(statement, parameters):
        counts = {"any": total, "success": success, "failed": failed, "other": other}
        yield project_id, Period(label, counts, dict(zip(PERCENTILES, lengths or (), strict=False)))


def created(
    project_ids: Sequence[int], start: datetime, end: datetime, period: str
) -> Mapping[int, Mapping[date, tuple[int, int]]]:
    """How many pipelines were made each day or month, and how many of them have passed, by project and first day."""
    found: dict[int, dict[date, tuple[int, int]]] = {}
    parameters = {"projects": list(project_ids), "start": start, "end": end, "period": period}
    for project_id, label, total, success in _rows(_CREATED, parameters):
        found.setdefault(project_id, {})[label] = (total, success)
    return found


def latest(project_ids: Sequence[int]) -> Mapping[int, Sequence[models.Pipeline]]:
    """The newest pipelines of each project, oldest first."""
    parents = [(project_id,) for project_id in project_ids]
    found = rows_per_parent(models.Pipeline.objects.all(), ("project_id",), parents, ["-id"], LATEST)
    return {project_id: rows[::-1] for (project_id,), rows in found.items()}


def _rows(statement: str, parameters: Mapping[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
