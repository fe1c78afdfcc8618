"""Owns the root fields on this installation, and on the query itself."""

from __future__ import annotations

import strawberry

from graphql_api.context import Info
from graphql_api.fields import rooted
from graphql_api.limits.usage import complexity_limit
from graphql_api.types.instance import Metadata, QueryComplexity


def _query_complexity(info: Info) -> tuple[int, int]:
    context = info.context
    return context.usage.used("complexity"), complexity_limit(context.principal)


def _metadata(info: Info) -> object | None:
    # What version runs here is nobody's business who is not signed in; GitLab does the same.
    return info.context if info.context.principal.user is not None else None


@strawberry.type
class InstanceQueries:
    """Part of Query."""

    query_complexity = rooted(QueryComplexity | None, _query_complexity, "How much this query asks for.")
    metadata = rooted(Metadata | None, _metadata, "What this installation is; null for nobody signed in.")
