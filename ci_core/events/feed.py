"""Follows what is committed: of one pipeline, or of all pipelines and schedules of a project.

Ids are given out before commits. Events of one pipeline are written under its lock, so the last id seen of it is a
cursor. Nothing orders the transactions of a project, so its cursor is a snapshot: what that did not see yet, because it
was still in flight, comes with a later read, whatever its ids are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from django.db import connection

from ci_core.events import ringing
from ci_core.events.log import READ_LIMIT, newest, since
from ci_core.events.ringing import Place
from ci_core.models import EventKind


@dataclass(slots=True)
class News:
    """Ids of what changed, each once, in the order of its first change.

    pipelines: those in which anything changed; moved: those whose own status did. complete: whether a read that
    follows at once would find nothing that this one left.
    """

    pipelines: dict[int, None] = field(default_factory=dict)
    moved: dict[int, None] = field(default_factory=dict)
    stages: dict[int, None] = field(default_factory=dict)
    jobs: dict[int, None] = field(default_factory=dict)
    schedules: dict[int, None] = field(default_factory=dict)
    complete: bool = True

    def __bool__(self) -> bool:
        return bool(self.pipelines or self.schedules)

    def add(self, pipeline_id: int, kind: str, subject_id: int) -> None:
        """Notes an event."""
        self.pipelines[pipeline_id] = None
        subjects = {EventKind.JOB: self.jobs, EventKind.STAGE: self.stages, EventKind.PIPELINE: self.moved}
        subjects[EventKind(kind)][subject_id] = None


class Feed(Protocol):
    """Reads from a cursor; its methods run in threads."""

    @property
    def place(self) -> Place:
        """Where the bell rings for it."""

    @property
    def cursor(self) -> Any:
        """Up to where it was read; feeds of the same thing with equal cursors read the same."""

    def start(self) -> None:
        """Sets the cursor: what was committed before is not read."""

    def read(self) -> tuple[News, Any]:
        """What was committed since the cursor, and the cursor after it."""

    def move(self, cursor: Any) -> None:
        """Sets the cursor once what `read` gave has been made use of, so that a failure on the way loses nothing."""


class PipelineFeed:
    """Follows one pipeline."""

    def __init__(self, pipeline_id: int) -> None:
        self._pipeline_id = pipeline_id
        self._cursor = 0

    @property
    def place(self) -> Place:
        """See Feed."""
        return ringing.pipeline(self._pipeline_id)

    @property
    def cursor(self) -> int:
        """See Feed."""
        return self._cursor

    def start(self) -> None:
        """See Feed."""
        self._cursor = newest(self._pipeline_id)

    def read(self) -> tuple[News, int]:
        """See Feed. At most READ_LIMIT events."""
        events = since(self._pipeline_id, self._cursor)
        news = News(complete=len(events) < READ_LIMIT)
        for event in events:
            news.add(event.pipeline_id, event.kind, event.subject_id)
        return news, events[-1].pk if events else self._cursor

    def move(self, cursor: int) -> None:
        """See Feed."""
        self._cursor = cursor


# The range of transactions is what the index can use; it also keeps out rows that a restored backup brought along from
# a server that had counted further. One statement, so that the events, the rows that lead to them and the new cursor
# are of one snapshot. OFFSET 0 keeps the planner from joining with all events there are.
_READ: Final = """
WITH bounds AS MATERIALIZED (
    SELECT pg_snapshot_xmin(%(cursor)s::pg_snapshot)::text::bigint AS first,
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS beyond
), changed AS MATERIALIZED (
    SELECT pipeline_id, schedule_id, min(first_event_id) AS first_event_id
    FROM ci_core_projectchange
    WHERE project_id = %(project_id)s
        AND transaction_id >= (SELECT first FROM bounds) AND transaction_id < (SELECT beyond FROM bounds)
        AND NOT pg_visible_in_snapshot(transaction_id::text::xid8, %(cursor)s::pg_snapshot)
    GROUP BY pipeline_id, schedule_id
)
SELECT 'cursor', NULL::bigint, NULL::bigint, NULL::bigint, pg_current_snapshot()::text
UNION ALL SELECT 'schedule', NULL, schedule_id, NULL, NULL FROM changed WHERE schedule_id IS NOT NULL
UNION ALL (
    SELECT event.kind, changed.pipeline_id, event.subject_id, min(event.id), NULL
    FROM changed CROSS JOIN LATERAL (
        SELECT id, kind, subject_id FROM ci_core_event
        WHERE pipeline_id = changed.pipeline_id AND id >= changed.first_event_id
        OFFSET 0
    ) AS event
    GROUP BY event.kind, changed.pipeline_id, event.subject_id
    ORDER BY 4
)
"""


class ProjectFeed:
    """Follows all pipelines and schedules of a project; reads of its pipelines only those that changed."""

    def __init__(self, project_id: int) -> None:
        self._project_id = project_id
        self._cursor = ""

    @property
    def place(self) -> Place:
        """See Feed."""
        return ringing.project(self._project_id)

    @property
    def cursor(self) -> str:
        """See Feed."""
        return self._cursor

    def start(self) -> None:
        """See Feed."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_snapshot()::text")
            (self._cursor,) = cursor.fetchone()

    def read(self) -> tuple[News, str]:
        """See Feed."""
        with connection.cursor() as cursor:
            cursor.execute(_READ, {"project_id": self._project_id, "cursor": self._cursor})
            rows: Iterable[tuple[str, int, int, int, str]] = cursor.fetchall()
        news, reached = News(), self._cursor
        for kind, pipeline_id, subject_id, _, snapshot in rows:
            if kind == "cursor":
                reached = snapshot
            elif kind == "schedule":
                news.schedules[subject_id] = None
            else:
                news.add(pipeline_id, kind, subject_id)
        return news, reached

    def move(self, cursor: str) -> None:
        """See Feed."""
        self._cursor = cursor
