"""Owns what the API tells of this installation, and of the query that is asked."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from django.conf import settings

from graphql_api.context import Info
from graphql_api.fields import argument, batched, leaf


@strawberry.type(name="QueryComplexity", description="How much a query asks for, told before it runs.")
class QueryComplexity:
    """Its parent is the score and the limit."""

    score = leaf(
        int | None,
        "Complexity of this query; docs/graphql-api.md tells what counts.",
        lambda at: at[0],
    )
    limit = leaf(int | None, "Complexity that the caller's queries may have.", lambda at: at[1])


@strawberry.type(
    name="Kas", description="The server of agents for Kubernetes, which GitLab has; there is none here."
)
class Kas:
    """Its parent counts for nothing."""

    enabled = leaf(bool, "Always false.", lambda _: False)
    version = leaf(str | None, "Always null.", lambda _: None)
    external_url = leaf(str | None, "Always null.", lambda _: None)
    external_kubernetes_proxy_url = leaf(str | None, "Always null.", lambda _: None)


@strawberry.type(name="FeatureFlag", description="A switch for developers of GitLab; there is none here.")
class FeatureFlag:
    """Its parent is a name."""

    name = leaf(str, "Name of the flag.", lambda name: name)
    enabled = leaf(bool, "Always false.", lambda _: False)


def _flags(
    parents: list[Any], info: Info, names: Annotated[list[str], argument("Names of flags.")]
) -> list[list[str]]:
    return [names for _ in parents]


@strawberry.type(name="Metadata", description="What this installation is.")
class Metadata:
    """Its parent counts for nothing."""

    version = leaf(str, "Version of Pipeyard.", lambda _: settings.PIPEYARD_VERSION)
    revision = leaf(
        str,
        "Commit that it was made from; `unknown` if the operator does not say.",
        lambda _: settings.PIPEYARD_REVISION,
    )
    enterprise = leaf(bool, "Always false: there is one edition.", lambda _: False)
    kas = leaf(Kas, "The server of agents for Kubernetes.", lambda instance: instance)
    feature_flags = batched(list[FeatureFlag], _flags, "The flags of these names.")
