"""Owns what is known of a pipeline or a stage from its jobs: counts and flags, one statement for all pipelines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ci_core import models
from ci_core.models.ids import pipeline_of
from ci_core.prepared import fetch_prepared
from ci_core.statuses import CANCELABLE, SchedulingType, Status
from graphql_api.context import Context


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What the latest jobs of a pipeline or a stage amount to."""

    total: int = 0
    failed: int = 0
    warnings: int = 0
    cancelable: int = 0
    retryable: int = 0
    manual: int = 0
    scheduled: int = 0
    with_needs: int = 0
    coverage: float | None = None


def _listed(statuses: Iterable[Status]) -> str:
    return ", ".join(f"'{status.value}'" for status in sorted(statuses))


# Hand-written, in the order of the fields of JobFacts: every list of pipelines with their status asks for it, and to
# build it anew takes Django longer than PostgreSQL takes to answer it.
_FACTS: Final = f"""
SELECT pipeline_id, count(*),
    count(*) FILTER (WHERE status = '{Status.FAILED.value}'),
    count(*) FILTER (WHERE status = '{Status.FAILED.value}' AND allow_failure),
    count(*) FILTER (WHERE status IN ({_listed(CANCELABLE)})),
    count(*) FILTER (WHERE status IN ({_listed([Status.FAILED, Status.CANCELED])})),
    count(*) FILTER (WHERE status = '{Status.MANUAL.value}'),
    count(*) FILTER (WHERE status = '{Status.SCHEDULED.value}'),
    count(*) FILTER (WHERE scheduling_type = '{SchedulingType.DAG.value}'),
    avg(coverage)
FROM ci_core_job WHERE pipeline_id = ANY(%s::bigint[]) AND NOT retried GROUP BY pipeline_id
"""  # noqa: S608 - constants
_STAGES_WITH_WARNINGS: Final = f"""
SELECT DISTINCT stage_id FROM ci_core_job
WHERE pipeline_id = ANY(%s::bigint[]) AND stage_id = ANY(%s::bigint[]) AND NOT retried
    AND status = '{Status.FAILED.value}' AND allow_failure
"""  # noqa: S608 - constants


def of_pipelines(context: Context, pipeline_ids: Iterable[int]) -> list[JobFacts]:
    """The facts of each pipeline."""
    ids = list(pipeline_ids)

    def read(missing: list[int]) -> Mapping[int, JobFacts]:
        _, rows = fetch_prepared(_FACTS, [missing])
        return {pipeline_id: JobFacts(*counts) for pipeline_id, *counts in rows}

    found = context.remembered("pipeline facts", ids, read)
    return [found[id_] or JobFacts() for id_ in ids]


def stages_with_warnings(context: Context, stages: Iterable[models.Stage]) -> set[int]:
    """Ids of those of the stages in which a job failed that is allowed to."""
    ids = [stage.pk for stage in stages]

    def read(missing: list[int]) -> Mapping[int, bool]:
        pipeline_ids = sorted({pipeline_of(stage_id) for stage_id in missing})
        _, rows = fetch_prepared(_STAGES_WITH_WARNINGS, [pipeline_ids, missing])
        return {stage_id: True for (stage_id,) in rows}

    found = context.remembered("stage warnings", ids, read)
    return {id_ for id_ in ids if found[id_]}
