"""Owns holding an operation against the limits of documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLSchema, OperationDefinitionNode

from graphql_api.context import Context
from graphql_api.documents import Prepared
from graphql_api.limits.usage import Usage, complexity_limit, limit_of


def measure(prepared: Prepared, name: str | None, operation: OperationDefinitionNode, usage: Usage) -> None:
    """Holds the shape of an operation against its limits. Raises LimitExceeded."""
    usage.take("tokens", prepared.tokens, limit_of("tokens"))
    shape = prepared.shape(name, operation)
    for limit in ("depth", "aliases", "directives"):
        usage.take(limit, getattr(shape, limit), limit_of(limit))


def weigh(
    prepared: Prepared,
    name: str | None,
    operation: OperationDefinitionNode,
    schema: GraphQLSchema,
    variables: Mapping[str, Any],
    context: Context,
) -> None:
    """Holds the complexity of an operation against its limit; only of a valid document. Raises LimitExceeded."""
    score = prepared.complexity(schema, name, operation).score(variables)
    context.usage.take("complexity", score, complexity_limit(context.principal))
