"""Names what the bell is rung for: channels, the keys on them, and the SQL that rings at commit.

A notification's payload is the keys that it rings, with spaces between them: listeners of each are woken.
"""

from __future__ import annotations

from typing import Final

from django.db import connection

#: Channel on which new work for runners is rung; its one key is empty.
QUEUE_CHANNEL: Final = "pipeyard_queue"
#: Channel on which is rung what changed; its keys are those below.
CHANGES_CHANNEL: Final = "pipeyard_changes"
CHANNELS: Final = (CHANGES_CHANNEL, QUEUE_CHANNEL)

#: A listener's place: a channel and a key on it.
Place = tuple[str, str]
QUEUE: Final[Place] = (QUEUE_CHANNEL, "")

#: SQL expressions that ring the bell at commit; the first takes the parameters `pipeline_id` and `project_id`.
RING_PIPELINE: Final = (
    f"pg_notify('{CHANGES_CHANNEL}', "
    "concat('pipeline/', %(pipeline_id)s::bigint, ' project/', %(project_id)s::bigint))"
)
RING_QUEUE: Final = f"pg_notify('{QUEUE_CHANNEL}', '')"


def pipeline(pipeline_id: int) -> Place:
    """Where changes of a pipeline, its stages and its jobs are rung, and its deletion."""
    return CHANGES_CHANNEL, f"pipeline/{pipeline_id}"


def project(project_id: int) -> Place:
    """Where changes of all pipelines and schedules of a project are rung."""
    return CHANGES_CHANNEL, f"project/{project_id}"


def access(project_id: int) -> Place:
    """Where is rung that other people may see a project now."""
    return CHANGES_CHANNEL, f"access/{project_id}"


def user(user_id: int) -> Place:
    """Where is rung that a user, or one of their tokens, has fewer or more rights now."""
    return CHANGES_CHANNEL, f"user/{user_id}"


def ring(*places: Place) -> None:
    """Rings when the current transaction commits."""
    with connection.cursor() as cursor:
        for channel, key in places:
            cursor.execute("SELECT pg_notify(%s, %s)", [channel, key])
