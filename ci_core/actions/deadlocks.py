"""Ends circles of jobs that wait for each other by resource groups and trigger jobs: a sweep, since they are rare.

A trigger job with a strategy keeps its resource until its downstream pipeline is over: a job there that waits for the
same resource would wait for ever. With `oldest_first` a job whose turn it is may wait for a child pipeline whose own
job waits for its turn (https://docs.gitlab.com/ci/resource_groups/ warns of both).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import structlog
from django.db import connection

from ci_core.actions.jobs import fail_job
from ci_core.actions.sweeping import one_by_one
from ci_core.decisions.deadlocks import BlockedClaim, in_circles
from ci_core.processing import hand_over
from ci_core.resources import KEEPING, first_claims
from ci_core.statuses import FailureReason

log = structlog.get_logger("pipeyard.resources")

#: Resource groups that one sweep looks at, chosen at random.
BATCH: Final = 200

# Groups for which a job is ready although only a trigger job has them, or although nobody does: in some of the modes
# a job keeps others waiting before it is ready itself.
_GROUPS: Final = """
SELECT grp.id, grp.holder_id
FROM ci_core_resourcegroup AS grp
LEFT JOIN ci_core_job AS holder ON holder.id = grp.holder_id AND holder.pipeline_id = grp.holder_id >> 16
WHERE grp.id IN (SELECT group_id FROM ci_core_resourceclaim WHERE ready)
    AND (holder.kind = 'bridge' OR (grp.holder_id IS NULL AND grp.process_mode = ANY(%(keeping)s)))
ORDER BY random() LIMIT %(limit)s
"""

_CLAIMS: Final = """
SELECT job_id, pipeline_id, group_id FROM ci_core_resourceclaim WHERE group_id = ANY(%s) AND ready
"""

# The pipelines that trigger jobs follow, by trigger job.
_FOLLOWED: Final = """
SELECT source_job_id, pipeline_id FROM ci_core_downstreampipeline WHERE source_job_id = ANY(%(jobs)s) AND strategy <> ''
UNION ALL SELECT job_id, mirrored_id FROM ci_core_mirroredpipeline WHERE job_id = ANY(%(jobs)s) AND following
"""

# Pipelines with the pipelines that unfinished trigger jobs of theirs follow, from some pipelines on downwards.
_FOLLOWS: Final = """
WITH RECURSIVE down(source, id) AS (
    SELECT 0::bigint, id FROM unnest(%s::bigint[]) AS t(id)
    UNION
    SELECT down.id, next.id FROM down CROSS JOIN LATERAL (
        SELECT link.pipeline_id AS id
        FROM ci_core_downstreampipeline AS link
        JOIN ci_core_job AS bridge ON bridge.pipeline_id = link.source_pipeline_id AND bridge.id = link.source_job_id
        WHERE link.source_pipeline_id = down.id AND link.strategy <> '' AND NOT bridge.retried
            AND bridge.status NOT IN ('success', 'failed', 'canceled', 'skipped')
        UNION ALL
        SELECT mirrored_id FROM ci_core_mirroredpipeline WHERE pipeline_id = down.id AND following
    ) AS next
)
SELECT source, id FROM down WHERE source <> 0
"""

# Those of some pipelines in which something else may still happen: a job is at work, or somebody may start one.
_MOVING: Final = """
SELECT DISTINCT pipeline_id FROM ci_core_job
WHERE pipeline_id = ANY(%s) AND NOT retried AND NOT (kind = 'bridge' AND started_at IS NOT NULL) AND (
    status IN ('pending', 'running', 'preparing', 'waiting_for_callback', 'scheduled', 'canceling')
    OR (status = 'manual' AND NOT allow_failure)
)
"""


def break_deadlocks() -> int:
    """Ends circles of waiting jobs; returns how many jobs that took.

    Where a resource is held, the newest job that waits fails; where nobody has it, the newest gets it out of turn.
    """
    return len(one_by_one(in_circles(*_load()), _break))


def _break(claim: BlockedClaim) -> bool:
    log.warning("deadlock", job_id=claim.job_id, group_id=claim.group_id, held=claim.held)
    if not claim.held:
        return hand_over(claim.group_id, out_of_turn=claim.job_id)
    fail_job(claim.job_id, FailureReason.STUCK_OR_TIMEOUT_FAILURE)
    return True


def _load() -> tuple[list[BlockedClaim], dict[int, set[int]]]:
    """The claims that may be in a circle, and which pipelines follow which."""
    holder_of = dict(_rows(_GROUPS, {"keeping": [mode.value for mode in KEEPING], "limit": BATCH}))
    if not holder_of:
        return [], {}
    first_of = first_claims([group_id for group_id, holder in holder_of.items() if holder is None])
    holders = [holder for holder in holder_of.values() if holder is not None]
    followed: dict[int, set[int]] = {}
    for job_id, pipeline_id in _rows(_FOLLOWED, {"jobs": holders}):
        followed.setdefault(job_id, set()).add(pipeline_id)
    turns = {claim.pipeline_id for claim in first_of.values()}
    still = turns - {pipeline_id for (pipeline_id,) in _rows(_MOVING, [list(turns)])}
    claims = []
    for job_id, pipeline_id, group_id in _rows(_CLAIMS, [list(holder_of)]):
        holder = holder_of[group_id]
        if holder is not None:
            waits_for = followed.get(holder, set())
        else:
            turn = {first_of[group_id].pipeline_id} if group_id in first_of else set()
            waits_for = turn & still - {pipeline_id}
        claims.append(
            BlockedClaim(job_id, pipeline_id, group_id, frozenset(waits_for), held=holder is not None)
        )
    follows: dict[int, set[int]] = {}
    for source, id_ in _rows(_FOLLOWS, [_pipelines(claims)]):
        follows.setdefault(source, set()).add(id_)
    return claims, follows


def _pipelines(claims: Collection[BlockedClaim]) -> list[int]:
    return sorted({pipeline_id for claim in claims for pipeline_id in claim.waits_for})


def _rows(sql: str, parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
