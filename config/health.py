"""`/-/health`: the process is up. `/-/readiness`: it can do its work."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from procrastinate.contrib.django.models import ProcrastinateWorker

from ci_core import clock

#: Seconds since its last heartbeat within which a background worker counts as seen; it beats every 10 s.
WORKER_SEEN_WITHIN: Final = 60


def health(request: HttpRequest) -> JsonResponse:
    """Answers as long as the process does; asks nothing of the database."""
    return JsonResponse({"status": "ok"})


def readiness(request: HttpRequest) -> JsonResponse:
    """200 when the database answers, its migrations are applied and a worker was seen lately; 503 otherwise.

    Where Redis is configured, the answer also tells whether it answers and a relay lives. Without them the process
    can do its work, though it hears of changes later: the status is then `degraded`, and still 200.
    """
    try:
        checks = {
            "database": _answers(),
            "migrations": _migrated(),
            "worker": _worker_seen(),
        }
    except DatabaseError:
        checks = {"database": False, "migrations": False, "worker": False}
    ready, wire = all(checks.values()), _wire()
    body = {
        "status": "failed" if not ready else "ok" if all(wire.values()) else "degraded",
        **{name: "ok" if good else "failed" for name, good in (checks | wire).items()},
    }
    return JsonResponse(body, status=200 if ready else 503)


def _wire() -> dict[str, bool]:
    """What brings the bell, if it is not the database."""
    if settings.PIPEYARD_REDIS_URL is None:
        return {}
    # Imported where it is used: without Redis there is no need to wait for its client.
    from ci_core.events import line

    health = line.health()
    return {"redis": health.redis, "relay": health.relay}


def _answers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return bool(cursor.fetchone() == (1,))


def _migrated() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _worker_seen() -> bool:
    since = clock.now() - timedelta(seconds=WORKER_SEEN_WITHIN)
    return ProcrastinateWorker.objects.filter(last_heartbeat__gt=since).exists()
