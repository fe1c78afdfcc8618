"""Owns reading environments and deployments: which of their columns, and the newest deployment of each environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ci_core import models
from graphql_api.context import Context
from graphql_api.loaders.slim import Columns

ENVIRONMENTS: Final = Columns(
    "Environment",
    models.Environment,
    always=("id", "project_id", "name", "state"),
    fields=dict.fromkeys(
        (
            *("environment_type", "path", "auto_delete_at", "cluster_agent", "user_permissions"),
            *("deployments", "last_deployment"),
        ),
        (),
    ),
)
DEPLOYMENTS: Final = Columns(
    "Deployment",
    models.Deployment,
    always=("id", "project_id", "environment_id", "pipeline_id", "job_id", "status"),
    fields={
        "updated_at": ("created_at", "finished_at"),
        "commit": ("sha",),
        "job": (),
        "triggerer": ("user_id",),
        "web_path": ("iid",),
        "tags": ("sha",),
    },
)
# Hand-written, and planned for any environments alike: whatever they are, the index has the newest of each first.
_NEWEST: Final = """
SELECT {columns} FROM unnest(%s::bigint[]) AS environment(number) CROSS JOIN LATERAL (
    SELECT * FROM ci_core_deployment WHERE environment_id = environment.number AND status = %s::text
    ORDER BY id DESC LIMIT 1
) AS newest
"""


def newest(
    context: Context, environment_ids: Iterable[int], status: str
) -> Mapping[int, models.Deployment | None]:
    """The newest deployment with a status of each environment."""

    def read(missing: list[int]) -> Mapping[int, models.Deployment]:
        found = DEPLOYMENTS.read_sql(context, _NEWEST, [missing, status])
        return {row.__dict__["environment_id"]: row for row in found}

    return context.remembered(f"newest deployment, {status}", environment_ids, read)
