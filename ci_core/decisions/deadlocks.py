"""Which jobs wait for each other in a circle by their resource groups, so that nothing would ever move them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlockedClaim:
    """A job that waits for nothing but a resource.

    waits_for: pipelines without which it never gets the resource: that of the trigger job which has it, or, while
    nobody has it, that of the job whose turn it is. held: some job has the resource.
    """

    job_id: int
    pipeline_id: int
    group_id: int
    waits_for: frozenset[int]
    held: bool


def in_circles(claims: Iterable[BlockedClaim], follows: Mapping[int, Collection[int]]) -> list[BlockedClaim]:
    """One claim of each circle, the newest: when it no longer waits, the others move on.

    follows: the pipelines whose end a pipeline waits for, since trigger jobs of its own follow them.
    """
    left = sorted(claims, key=lambda claim: claim.job_id)
    found: list[BlockedClaim] = []
    while True:
        waits = {pipeline_id: set(others) for pipeline_id, others in follows.items()}
        for claim in left:
            waits.setdefault(claim.pipeline_id, set()).update(claim.waits_for)
        newest = next((claim for claim in reversed(left) if _reaches(claim, waits)), None)
        if newest is None:
            return found
        found.append(newest)
        left.remove(newest)


def _reaches(claim: BlockedClaim, waits: Mapping[int, Collection[int]]) -> bool:
    """Whether what the claim waits for waits for the claim's own pipeline."""
    seen: set[int] = set()
    frontier = list(claim.waits_for)
    while frontier:
        pipeline_id = frontier.pop()
        if pipeline_id == claim.pipeline_id:
            return True
        if pipeline_id not in seen:
            seen.add(pipeline_id)
            frontier.extend(waits.get(pipeline_id, ()))
    return False
