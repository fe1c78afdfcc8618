"""Owns analytics of a project's pipelines: how many there were, what came of them, and how long they took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final

import strawberry

from ci_core import clock, models
from ci_core.errors import InvalidInput
from graphql_api.batching import BatchFunction
from graphql_api.context import Context, Info
from graphql_api.fields import argument, batched, leaf
from graphql_api.loaders import analytics as loader
from graphql_api.loaders.analytics import Period, Selection
from graphql_api.scalars import BigInt, Date, Duration, Time
from graphql_api.types.enums_analytics import AnalyticsAggregationPeriod, PipelineAnalyticsJobStatus
from graphql_api.types.enums_sources import CiPipelineSources

#: Longest time that is looked at. Source: GitLab, ClickHouse::Models::Ci::FinishedPipelinesDaily.
LONGEST: Final = timedelta(days=366)
#: What is looked at by default.
BY_DEFAULT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Analytics:
    """A project, and which of its pipelines are looked at."""

    project_id: int
    selection: Selection


def of_projects(
    parents: list[models.Project],
    info: Info,
    from_time: Annotated[
        Time | None, argument("Only pipelines that started at this time or later; a week ago by default.")
    ] = None,
    to_time: Annotated[
        Time | None,
        argument("Only pipelines that started before this; now by default. At most 366 days after fromTime."),
    ] = None,
    source: Annotated[
        CiPipelineSources | None, argument("Only pipelines that were asked for in this way.")
    ] = None,
    ref: Annotated[str | None, argument("Only pipelines of this branch or tag.")] = None,
) -> list[Analytics]:
    """What to count of each project. Raises InvalidInput for times that cannot be."""
    end: datetime = to_time or clock.now()
    start: datetime = from_time or end - BY_DEFAULT
    if start > end:
        raise InvalidInput("fromTime must not be later than toTime.")
    if end - start > LONGEST:
        raise InvalidInput(f"fromTime must be within the {LONGEST.days} days before toTime.")
    selection = Selection(start, end, str(source.value) if source else None, ref)
    return [Analytics(row.pk, selection) for row in parents]


@strawberry.type(name="CiDurationStatistics", description="How long pipelines took.")
class CiDurationStatistics:
    """Its parent is a Period."""

    p50 = leaf(Duration | None, "Half of them took no longer.", lambda row: row.percentiles.get(50))
    p75 = leaf(Duration | None, "75 of 100 took no longer.", lambda row: row.percentiles.get(75))
    p90 = leaf(Duration | None, "90 of 100 took no longer.", lambda row: row.percentiles.get(90))
    p95 = leaf(Duration | None, "95 of 100 took no longer.", lambda row: row.percentiles.get(95))
    p99 = leaf(Duration | None, "99 of 100 took no longer.", lambda row: row.percentiles.get(99))


def _counts(
    parents: list[Period],
    info: Info,
    status: Annotated[
        PipelineAnalyticsJobStatus, argument("Only pipelines of which this came.")
    ] = PipelineAnalyticsJobStatus.ANY,
) -> list[int]:
    return [row.counts.get(str(status.value), 0) for row in parents]


@strawberry.type(
    name="PipelineAnalyticsPeriod", description="Pipelines that are over, and that started in some time."
)
class PipelineAnalyticsPeriod:
    """Its parent is a Period."""

    label = leaf(Date | None, "First day of the period, in UTC; null for all of the time.")
    count = batched(BigInt | None, _counts, "How many there are.")
    duration_statistics = leaf(
        CiDurationStatistics | None, "How long they took, in seconds.", lambda row: row
    )


def _by_selection(
    parents: list[Analytics], read: Callable[[list[int], Selection], Callable[[int], Any]]
) -> list[Any]:
    """What `read` gives for each project, which it is called for once a selection."""
    found = {
        selection: read([row.project_id for row in parents if row.selection == selection], selection)
        for selection in {row.selection for row in parents}
    }
    return [found[row.selection](row.project_id) for row in parents]


def _aggregate(parents: list[Analytics], info: Info) -> list[Period]:
    def read(project_ids: list[int], selection: Selection) -> Callable[[int], Period]:
        found = loader.whole(project_ids, selection)
        return lambda project_id: found.get(project_id, Period())

    return _by_selection(parents, read)


def _time_series(
    parents: list[Analytics],
    info: Info,
    period: Annotated[AnalyticsAggregationPeriod, argument("How long the periods are.")],
) -> list[list[Period]]:
    length = str(period.value)

    def read(project_ids: list[int], selection: Selection) -> Callable[[int], list[Period]]:
        found = loader.series(project_ids, selection, length)
        days = list(_first_days(selection.start, selection.end, length))
        return lambda project_id: [found.get(project_id, {}).get(day, Period(day)) for day in days]

    return _by_selection(parents, read)


def _first_days(start: datetime, end: datetime, length: str) -> Iterator[date]:
    """The first days of the periods that the time touches, in UTC."""
    first = start.astimezone(UTC).date()
    if length == "week":
        first -= timedelta(days=first.weekday())
    if length == "month":
        first = first.replace(day=1)
    while _midnight(first) < end:
        yield first
        first = _next(first, length)


def _next(day: date, length: str) -> date:
    if length == "month":
        return (day + timedelta(days=31)).replace(day=1)
    return day + timedelta(days=7 if length == "week" else 1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


@dataclass(frozen=True, slots=True)
class Chart:
    """One of the charts that show how many pipelines were made up to today. form: of the labels, as for strftime."""

    name: str
    length: str
    form: str

    def begins(self, today: date) -> date:
        """Its first day. Source: GitLab, Gitlab::Ci::Charts."""
        if self.name == "year":
            return today.replace(year=today.year - 1, day=1)
        if self.name == "week":
            return today - timedelta(days=7)
        before = today.replace(day=1) - timedelta(days=1)
        return before.replace(day=min(today.day, before.day))


WEEK: Final = Chart("week", "day", "%d %B")
MONTH: Final = Chart("month", "day", "%d %B")
YEAR: Final = Chart("year", "month", "%d %B %Y")


def _charted(
    context: Context, chart: Chart, parents: list[Analytics]
) -> Iterator[Sequence[tuple[date, int, int]]]:
    today = clock.now().astimezone(UTC).date()
    start, end = _midnight(chart.begins(today)), _midnight(today + timedelta(days=1))
    found = context.remembered(
        f"chart of a {chart.name}",
        (row.project_id for row in parents),
        lambda missing: loader.created(missing, start, end, chart.length),
    )
    days = list(_first_days(start, end, chart.length))
    for row in parents:
        counted = found[row.project_id] or {}
        yield [(day, *counted.get(day, (0, 0))) for day in days]


def _chart(chart: Chart, read: Callable[[date, int, int], Any]) -> BatchFunction:
    """A batch function: something of each point of a chart."""

    def values(parents: list[Analytics], info: Info) -> list[list[Any]]:
        return [[read(*point) for point in points] for points in _charted(info.context, chart, parents)]

    return values


def _labels(chart: Chart) -> BatchFunction:
    return _chart(chart, lambda day, total, success: day.strftime(chart.form))


def _totals(chart: Chart) -> BatchFunction:
    return _chart(chart, lambda day, total, success: total)


def _successful(chart: Chart) -> BatchFunction:
    return _chart(chart, lambda day, total, success: success)


def _latest(read: Callable[[models.Pipeline], Any]) -> BatchFunction:
    """A batch function: something of each project's newest pipelines."""

    def values(parents: list[Analytics], info: Info) -> list[list[Any]]:
        found = info.context.remembered(
            "newest pipelines for analytics", (row.project_id for row in parents), loader.latest
        )
        return [[read(pipeline) for pipeline in found[row.project_id] or ()] for row in parents]

    return values


@strawberry.type(
    name="PipelineAnalytics",
    description="How many pipelines a project had, what came of them, and how long they took.",
)
class PipelineAnalytics:
    """Its parent is an Analytics."""

    aggregate = batched(
        PipelineAnalyticsPeriod | None, _aggregate, "All pipelines of the time that is asked for."
    )
    time_series = batched(
        list[PipelineAnalyticsPeriod] | None,
        _time_series,
        "The same by periods, those without pipelines included.",
    )
    week_pipelines_labels = batched(
        list[str] | None, _labels(WEEK), "The days from a week ago to today, in UTC."
    )
    week_pipelines_totals = batched(list[int] | None, _totals(WEEK), "How many pipelines were made on each.")
    week_pipelines_successful = batched(list[int] | None, _successful(WEEK), "How many of them have passed.")
    month_pipelines_labels = batched(
        list[str] | None, _labels(MONTH), "The days from a month ago to today, in UTC."
    )
    month_pipelines_totals = batched(
        list[int] | None, _totals(MONTH), "How many pipelines were made on each."
    )
    month_pipelines_successful = batched(
        list[int] | None, _successful(MONTH), "How many of them have passed."
    )
    year_pipelines_labels = batched(
        list[str] | None, _labels(YEAR), "The months from a year ago to this one, by their first day, in UTC."
    )
    year_pipelines_totals = batched(list[int] | None, _totals(YEAR), "How many pipelines were made in each.")
    year_pipelines_successful = batched(list[int] | None, _successful(YEAR), "How many of them have passed.")
    pipeline_times_labels = batched(
        list[str] | None,
        _latest(lambda pipeline: pipeline.sha[:8]),
        f"First characters of the commits of the newest {loader.LATEST} pipelines, oldest first.",
    )
    pipeline_times_values = batched(
        list[int] | None,
        _latest(lambda pipeline: (pipeline.duration or 0) // 60),
        "How many whole minutes each of them took.",
    )
