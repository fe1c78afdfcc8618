"""Notes changes that belong to a project and to none of its pipelines."""

from __future__ import annotations

from typing import Final

from django.db import connection

from ci_core import clock
from ci_core.events import ringing
from ci_core.models import PipelineSchedule

_NOTE: Final = f"""
WITH noted AS (
    INSERT INTO ci_core_projectchange (project_id, schedule_id, transaction_id, created_at)
    VALUES (%(project_id)s, %(schedule_id)s, pg_current_xact_id()::text::bigint, %(now)s)
)
SELECT pg_notify('{ringing.CHANGES_CHANNEL}', concat('project/', %(project_id)s::bigint))
"""  # noqa: S608 - constants


def note_schedule(schedule: PipelineSchedule) -> None:
    """Notes that a schedule was made, has changed or has run, and rings; both take effect at commit."""
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTE, {"project_id": schedule.project_id, "schedule_id": schedule.pk, "now": clock.now()}
        )
