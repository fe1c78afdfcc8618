"""Owns entries of a job's `needs`."""

from __future__ import annotations

import strawberry

from ci_core import models
from graphql_api.fields import leaf, told_by
from graphql_api.node_ids import GlobalIds


@strawberry.type(
    name="CiBuildNeed", description="An entry of a job's `needs`: a job that must be done before it."
)
class Need:
    """Its parent is a row of Need."""

    id = leaf(strawberry.ID, "ID of the entry.", GlobalIds("Ci::BuildNeed"))
    name = leaf(str | None, "Name of the job that is needed.")

    is_type_of = told_by(models.Need)  # tells them apart in JobNeedUnion
