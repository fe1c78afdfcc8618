"""Writes the event log in the transaction of the change, and reads a pipeline's part of it from a cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from ci_core import clock
from ci_core.events.ringing import RING_PIPELINE
from ci_core.models import Event, EventKind, Pipeline

#: Events that one read returns at most.
READ_LIMIT: Final = 1000

_COLUMNS: Final = "(pipeline_id, project_id, kind, subject_id, old_status, status, created_at)"

# Who follows the project finds the events by this row: see `ProjectChange`.
_NOTED: Final = """noted AS (
    INSERT INTO ci_core_projectchange (project_id, pipeline_id, first_event_id, transaction_id, created_at)
    SELECT %(project_id)s::bigint, %(pipeline_id)s::bigint, min(id), pg_current_xact_id()::text::bigint,
        %(now)s::timestamptz
    FROM logged HAVING count(*) > 0
)"""

#: CTEs that log the jobs of a CTE `changed` (id, old_status); parameters pipeline_id, project_id, to and now.
LOG_CHANGED_JOBS: Final = f"""logged AS (
    INSERT INTO ci_core_event {_COLUMNS}
    SELECT %(pipeline_id)s::bigint, %(project_id)s::bigint, 'job', id, old_status, %(to)s, %(now)s::timestamptz
    FROM changed ORDER BY id
    RETURNING id
), {_NOTED}"""  # noqa: S608 - constants

#: CTEs that log changes given as arrays; parameters pipeline_id, project_id, kinds, subjects, old, new and now.
LOG_CHANGES: Final = f"""logged AS (
    INSERT INTO ci_core_event {_COLUMNS}
    SELECT %(pipeline_id)s::bigint, %(project_id)s::bigint, kind, subject_id, old_status, status, %(now)s::timestamptz
    FROM unnest(%(kinds)s::text[], %(subjects)s::bigint[], %(old)s::text[], %(new)s::text[])
        AS t(kind, subject_id, old_status, status)
    RETURNING id
), {_NOTED}"""  # noqa: S608 - constants

_RECORD: Final = f"WITH {LOG_CHANGES} SELECT {RING_PIPELINE}"

# The ids of a new pipeline's jobs are made by the database: arrays of thousands took longer to send than to log.
_RECORD_CREATED: Final = f"""WITH logged AS (
    INSERT INTO ci_core_event {_COLUMNS}
    SELECT %(pipeline_id)s, %(project_id)s, 'job', id, '', 'created', %(now)s
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS t(id)
    RETURNING id
), {_NOTED} SELECT {RING_PIPELINE}"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Change:
    """A job, stage or pipeline whose status changed; `old` is empty for one that was just created."""

    subject_id: int
    old: str
    new: str


def record(pipeline: Pipeline, kind: EventKind, changes: Sequence[Change]) -> None:
    """Appends changes of one kind to the log and rings the bell; both take effect at commit.

    The caller holds the pipeline's lock (or has just inserted it), which puts ids in the order of commits.
    """
    if not changes:
        return
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, parameters(pipeline, [(kind, change) for change in changes], clock.now()))


def record_created(pipeline: Pipeline, first_job_id: int, count: int) -> None:
    """Appends that `count` jobs with consecutive ids were inserted, in the caller's transaction, and rings the bell."""
    job_ids = {"first": first_job_id, "last": first_job_id + count - 1}
    with connection.cursor() as cursor:
        cursor.execute(
            _RECORD_CREATED,
            {"pipeline_id": pipeline.pk, "project_id": pipeline.project_id, "now": clock.now(), **job_ids},
        )


def parameters(
    pipeline: Pipeline, changes: Sequence[tuple[EventKind, Change]], now: datetime
) -> dict[str, Any]:
    """The parameters of LOG_CHANGES."""
    return {
        "pipeline_id": pipeline.pk,
        "project_id": pipeline.project_id,
        "now": now,
        "kinds": [kind.value for kind, _ in changes],
        "subjects": [change.subject_id for _, change in changes],
        "old": [change.old for _, change in changes],
        "new": [change.new for _, change in changes],
    }


def since(pipeline_id: int, cursor: int) -> list[Event]:
    """Events of a pipeline after the one with id `cursor`, oldest first, at most READ_LIMIT."""
    events = Event.objects.in_pipeline(pipeline_id).filter(id__gt=cursor)
    return list(events.order_by("pipeline_id", "id")[:READ_LIMIT])


def newest(pipeline_id: int) -> int:
    """Id of a pipeline's newest event; 0 when it has none."""
    event = Event.objects.in_pipeline(pipeline_id).order_by("-pipeline_id", "-id").values("id").first()
    return event["id"] if event else 0
