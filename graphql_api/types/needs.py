"""Owns entries of a job's `needs`."""

from __future__ import annotations

from typing import Any

import strawberry

from ci_core import models
from graphql_api.fields import leaf
from graphql_api.node_ids import global_id


@strawberry.type(
    name="CiBuildNeed", description="An entry of a job's `needs`: a job that must be done before it."
)
class Need:
    """Its parent is a row of Need."""

    id = leaf(strawberry.ID, "ID of the entry.", lambda row: global_id("Ci::BuildNeed", row.pk))
    name = leaf(str | None, "Name of the job that is needed.")

    @classmethod
    def is_type_of(cls, row: Any, info: Any) -> bool:
        """Tells entries from jobs in JobNeedUnion."""
        return isinstance(row, models.Need)
