"""Assembles the schema, and names what runs around every operation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import strawberry
from graphql import (
    DirectiveLocation,
    GraphQLArgument,
    GraphQLDirective,
    GraphQLError,
    GraphQLNonNull,
    GraphQLString,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

from graphql_api import node_ids, scalars
from graphql_api.checking import CheckOperations
from graphql_api.errors import PresentErrors, Unauthenticated
from graphql_api.execution.executor import BreadthFirst
from graphql_api.mutations.artifacts import ArtifactMutations
from graphql_api.mutations.environments import EnvironmentMutations
from graphql_api.mutations.jobs import JobMutations
from graphql_api.mutations.lint import LintMutations
from graphql_api.mutations.pipeline_triggers import PipelineTriggerMutations
from graphql_api.mutations.pipelines import PipelineMutations
from graphql_api.mutations.protected_environments import ProtectedEnvironmentMutations
from graphql_api.mutations.resource_groups import ResourceGroupMutations
from graphql_api.mutations.runners import RunnerMutations
from graphql_api.mutations.schedules import ScheduleMutations
from graphql_api.queries.ci_config import ConfigQueries
from graphql_api.queries.groups import GroupQueries
from graphql_api.queries.instance import InstanceQueries
from graphql_api.queries.jobs import JobQueries
from graphql_api.queries.projects import ProjectQueries
from graphql_api.queries.runners import RunnerQueries
from graphql_api.queries.users import UserQueries
from graphql_api.subscriptions.changes import Subscription


@strawberry.type(description="What can be read.")
class Query(
    UserQueries, ProjectQueries, GroupQueries, JobQueries, RunnerQueries, InstanceQueries, ConfigQueries
):
    """The root of queries."""


@strawberry.type(description="What can be changed.")
class Mutation(
    PipelineMutations,
    JobMutations,
    ArtifactMutations,
    ScheduleMutations,
    PipelineTriggerMutations,
    EnvironmentMutations,
    ProtectedEnvironmentMutations,
    ResourceGroupMutations,
    LintMutations,
    RunnerMutations,
):
    """The root of mutations."""


ONLY_LIVE: Final = "Subscriptions are served over WebSocket only, by the protocol graphql-transport-ws."


class AuthenticateAgain(SchemaExtension):
    """Finds out again who asks, where a connection outlives its operations."""

    async def on_validate(self) -> AsyncIterator[None]:
        """Refuses an operation whose caller's key has become invalid, and what cannot be followed over HTTP."""
        context = self.execution_context.context
        if self.execution_context.operation_type is OperationType.SUBSCRIPTION and context.live is None:
            self.execution_context.pre_execution_errors = [GraphQLError(ONLY_LIVE)]
        if context.authenticate is not None:
            try:
                await context.run_in_thread(context.renew)
            except Unauthenticated as error:
                self.execution_context.pre_execution_errors = [GraphQLError(str(error), original_error=error)]
        yield


GL_INTRODUCED: Final = GraphQLDirective(
    "gl_introduced",
    [DirectiveLocation.FIELD],
    {"version": GraphQLArgument(GraphQLNonNull(GraphQLString), description="Version of GitLab.")},
    description="Says since which version of GitLab a field exists. Clients of GitLab send it; here it does nothing.",
)


class Schema(strawberry.Schema):
    """The schema. Strawberry's own way to declare a directive would put a coroutine around every field."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._schema.directives = (*self._schema.directives, GL_INTRODUCED)

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Nothing: PresentErrors logs what is to be logged."""


schema: Final = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(scalar_map={**scalars.SCALARS, **node_ids.SCALARS}),
    extensions=[AuthenticateAgain, PresentErrors, CheckOperations],
    execution_context_class=BreadthFirst,
)
