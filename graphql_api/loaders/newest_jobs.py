"""Owns reading the newest jobs of a project in two steps: which pipelines hold them, and then those pipelines' jobs.

One statement that joins both is planned for all partitions of the jobs each time, which takes PostgreSQL longer than to
run it. The second step is prepared, and the first one, too, where the list begins. A pipeline counts its jobs, so the
first step knows how many pipelines are enough; those that it has read are there for whatever asks for them next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ci_core import models
from graphql_api.context import Context
from graphql_api.loaders.jobs import JOBS
from graphql_api.loaders.pipelines import PIPELINES
from graphql_api.node_ids import MAX_ID

#: The pipeline and the id of a job; the jobs after it are older.
Place = Sequence[int]

_COUNTED: Final = replace(PIPELINES, always=(*PIPELINES.always, "last_job_number"))
#: The project stands in a range for the reason that `graphql_api.lateral` gives: no other index has them in this order.
_HOLDING: Final = """
SELECT {columns} FROM (
    SELECT *, sum(last_job_number) OVER (ORDER BY project_id, id DESC ROWS UNBOUNDED PRECEDING)
        - last_job_number AS newer_jobs
    FROM (
        SELECT * FROM ci_core_pipeline
        WHERE project_id >= %s::bigint AND project_id <= %s::bigint AND last_job_number > 0
        ORDER BY project_id, id DESC LIMIT %s::bigint
    ) AS newest
) AS counted WHERE newer_jobs < %s::bigint
"""
#: From a pipeline on, of whose jobs none may be left. Planned each time: in a range, the newer ones would be gone
#: through before it.
_HOLDING_FROM: Final = """
SELECT {columns} FROM (
    SELECT *, sum(last_job_number) FILTER (WHERE id < %s::bigint) OVER (ORDER BY id DESC ROWS UNBOUNDED PRECEDING)
        - last_job_number AS newer_jobs
    FROM (
        SELECT * FROM ci_core_pipeline
        WHERE project_id = %s::bigint AND id <= %s::bigint AND last_job_number > 0
        ORDER BY id DESC LIMIT %s::bigint + 1
    ) AS newest
) AS counted WHERE coalesce(newer_jobs, 0) < %s::bigint
"""
# Partitions and their indexes by pipeline and id have this order: the rows come one after the other, until there are
# enough. Without the project, which is the pipelines': its index would have to be sorted.
_JOBS: Final = """
SELECT {columns} FROM ci_core_job WHERE pipeline_id = ANY(%s::bigint[])
ORDER BY pipeline_id DESC, id DESC LIMIT %s::bigint
"""
_JOBS_AFTER: Final = """
SELECT {columns} FROM ci_core_job
WHERE pipeline_id = ANY(%s::bigint[]) AND (pipeline_id, id) < (%s::bigint, %s::bigint)
ORDER BY pipeline_id DESC, id DESC LIMIT %s::bigint
"""


def newest(
    context: Context, project_id: int, limit: int, after: Place | None = None
) -> Sequence[models.Job] | None:
    """The newest `limit` jobs of a project, of those after a place; None if they have to be read in another way.

    That is so where pipelines have fewer jobs than they have counted, because they were deleted between the two steps,
    and for places that no column could hold.
    """
    if after is not None and max(map(abs, after)) > MAX_ID:
        return None
    if after is None:
        holding = _COUNTED.read_sql(context, _HOLDING, [project_id, project_id, limit, limit])
    else:
        parameters = [after[0], project_id, after[0], limit, limit]
        holding = _COUNTED.read_sql(context, _HOLDING_FROM, parameters, planned=True)
    if not holding:
        return []
    context.know(holding)
    ids = [row.id for row in holding]
    if after is None:
        found = JOBS.read_sql(context, _JOBS, [ids, limit])
    else:
        found = JOBS.read_sql(context, _JOBS_AFTER, [ids, *after, limit])
    counted = sum(row.last_job_number for row in holding if after is None or row.id != after[0])
    return None if len(found) < limit <= counted else found
