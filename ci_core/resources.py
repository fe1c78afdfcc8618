"""Who has a resource group and who wants it; kept in the transactions that move jobs.

Lock order: a group's row comes after the pipeline rows that a transaction holds. Whoever processes a pipeline takes
a free group only if nobody else has its row (SKIP LOCKED), and gives back what its own jobs hold;
`processing.hand_over` waits for one group at a time. So nobody waits in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from ci_core.models import ProcessMode
from ci_core.statuses import COMPLETED, Status

#: Statuses in which a job wants its resource without having it.
WANTING: Final = frozenset({Status.CREATED, Status.SCHEDULED, Status.WAITING_FOR_RESOURCE})

_WANT: Final = """
INSERT INTO ci_core_resourceclaim (job_id, pipeline_id, group_id, ready)
SELECT job_id, job_id >> 16, group_id, %(ready)s
FROM unnest(%(jobs)s::bigint[], %(groups)s::bigint[]) AS t(job_id, group_id)
ON CONFLICT (job_id) DO UPDATE SET ready = excluded.ready
"""

_WANT_NO_MORE: Final = "DELETE FROM ci_core_resourceclaim WHERE job_id = ANY(%(jobs)s)"

_GIVE_BACK: Final = "UPDATE ci_core_resourcegroup SET holder_id = NULL WHERE holder_id = ANY(%(jobs)s)"

#: Claims come in the order of the modes: by pipeline, old or new first; with `unordered`, whoever came first.
#: In oldest_first and newest_first a job that is not ready yet keeps the others waiting
#: (https://docs.gitlab.com/ci/resource_groups/#process-modes).
_NEXT: Final = """
SELECT job_id, pipeline_id, ready FROM ci_core_resourceclaim
WHERE group_id = {group} {only_ready} ORDER BY pipeline_id {direction}, {ready_first} job_id LIMIT 1
"""
_ORDER: Final = {
    ProcessMode.UNORDERED: {"only_ready": "AND ready", "direction": "ASC", "ready_first": ""},
    ProcessMode.OLDEST_FIRST: {"only_ready": "", "direction": "ASC", "ready_first": "ready DESC,"},
    ProcessMode.NEWEST_FIRST: {"only_ready": "", "direction": "DESC", "ready_first": "ready DESC,"},
    ProcessMode.NEWEST_READY_FIRST: {"only_ready": "AND ready", "direction": "DESC", "ready_first": ""},
}

#: Modes in which a job that is not ready keeps others waiting.
KEEPING: Final = frozenset(mode for mode, order in _ORDER.items() if not order["only_ready"])

#: The first claim of each of some free groups, whether it is ready or not.
_FIRST: Final = " UNION ALL ".join(
    f"SELECT resource.id, first.* FROM ci_core_resourcegroup AS resource "  # noqa: S608 - constants
    f"CROSS JOIN LATERAL ({_NEXT.format(group='resource.id', **order)}) AS first "
    f"WHERE resource.id = ANY(%(groups)s) AND resource.holder_id IS NULL AND resource.process_mode = '{mode.value}'"
    for mode, order in _ORDER.items()
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that wants a resource; ready: it waits for nothing else."""

    job_id: int
    pipeline_id: int
    ready: bool


def follow(jobs: Iterable[tuple[int, int | None]], to: Status) -> None:
    """Keeps claims and holders in step with jobs (id, group id) that moved to a status."""
    grouped = [(job_id, group_id) for job_id, group_id in jobs if group_id is not None]
    if not grouped:
        return
    parameters: dict[str, Any] = {
        "jobs": [job_id for job_id, _ in grouped],
        "groups": [group_id for _, group_id in grouped],
        "ready": to == Status.WAITING_FOR_RESOURCE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WANT if to in WANTING else _WANT_NO_MORE, parameters)
        if to in COMPLETED:
            cursor.execute(_GIVE_BACK, parameters)


def lock_free(group_ids: Sequence[int], *, wait: bool) -> list[tuple[int, str]]:
    """Locks those of the groups that no job has: (id, process mode). wait: else one that is locked is left out."""
    skip = "" if wait else "SKIP LOCKED"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, process_mode FROM ci_core_resourcegroup "  # noqa: S608 - a constant
            f"WHERE id = ANY(%s) AND holder_id IS NULL ORDER BY id FOR NO KEY UPDATE {skip}",
            [list(group_ids)],
        )
        return [(int(group_id), mode) for group_id, mode in cursor.fetchall()]


def mode_of_free(group_id: int) -> str | None:
    """The process mode of a group that no job has, without locking it; None while some job has it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT process_mode FROM ci_core_resourcegroup WHERE id = %s AND holder_id IS NULL", [group_id]
        )
        row = cursor.fetchone()
    return row[0] if row else None


def next_claim(group_id: int, mode: str) -> Claim | None:
    """The job that a free group goes to next; None when there is none, or one comes first that is not ready."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT.format(group="%(group)s", **_ORDER[ProcessMode(mode)]), {"group": group_id})
        row = cursor.fetchone()
    claim = Claim(*row) if row else None
    return claim if claim is not None and claim.ready else None


def first_claims(group_ids: Sequence[int]) -> dict[int, Claim]:
    """The claim that comes first in each of the groups that no job has, by group; one that is not ready counts, too."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, {"groups": list(group_ids)})
        return {group_id: Claim(*claim) for group_id, *claim in cursor.fetchall()}


def ready_claim(job_id: int) -> Claim | None:
    """The claim of a job that waits for nothing but its resource; None if it does not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT job_id, pipeline_id, ready FROM ci_core_resourceclaim WHERE job_id = %s AND ready",
            [job_id],
        )
        row = cursor.fetchone()
    return Claim(*row) if row else None


def hold(group_id: int, job_id: int) -> None:
    """Gives a locked, free group to a job."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ci_core_resourcegroup SET holder_id = %s WHERE id = %s", [job_id, group_id])
