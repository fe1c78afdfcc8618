"""Owns reading what hangs on pipeline schedules: their variables, and which of them created a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ci_core import models


def variables(schedule_ids: Iterable[int]) -> Mapping[int, Sequence[models.PipelineScheduleVariable]]:
    """The variables of each schedule, in the order in which they were given."""
    rows = models.PipelineScheduleVariable.objects.filter(schedule_id__in=list(schedule_ids)).order_by("pk")
    found: dict[int, list[models.PipelineScheduleVariable]] = {}
    for row in rows:
        found.setdefault(row.schedule_id, []).append(row)
    return found


def of_pipelines(pipeline_ids: Iterable[int]) -> Mapping[int, int]:
    """The id of the schedule that created each pipeline, as far as the runs are still on record."""
    runs = models.ScheduleRun.objects.filter(pipeline_id__in=list(pipeline_ids))
    pairs = runs.values_list("pipeline_id", "schedule_id")
    return {pipeline_id: schedule_id for pipeline_id, schedule_id in pairs if pipeline_id is not None}
