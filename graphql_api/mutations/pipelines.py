"""Owns the mutations of pipelines: create, cancel, retry, destroy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import strawberry

from ci_core import models
from ci_core.access import access_pipeline, access_project
from ci_core.actions import pipelines as actions
from ci_core.actions.deleting import delete_pipeline
from ci_core.statuses import PipelineSource
from graphql_api.context import Info
from graphql_api.fields import argument, leaf, rooted
from graphql_api.mutations.carrying_out import carry_out, client_mutation_id, payload_fields
from graphql_api.mutations.inputs import (
    CiInputsInput,
    CiVariableInput,
    given_inputs,
    given_variables,
)
from graphql_api.node_ids import CiPipelineID
from graphql_api.permissions import DESTROY, OPERATE
from graphql_api.types import references as refs

#: Name of the operation by which GitLab's own page creates pipelines.
WEB_OPERATION: Final = "internalPipelineCreate"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a payload is made of."""

    client_mutation_id: str | None
    errors: list[str]
    pipeline: models.Pipeline | None


@strawberry.input(description="Which pipeline to create.")
class PipelineCreateInput:
    """Input of pipelineCreate."""

    project_path: strawberry.ID = strawberry.field(description="Path of the project, such as `group/shop`.")
    ref: str = strawberry.field(description="Branch or tag to run for.")
    variables: list[CiVariableInput] | None = strawberry.field(description="Variables for its jobs.")
    inputs: list[CiInputsInput] | None = strawberry.field(
        description="Values for the `spec:inputs` of the configuration."
    )
    async_: bool | None = strawberry.field(
        name="async",
        description="Accepted and ignored: the pipeline exists when the answer comes.",
    )
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which pipeline to cancel.")
class PipelineCancelInput:
    """Input of pipelineCancel."""

    id: CiPipelineID = strawberry.field(description="ID of the pipeline.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which pipeline to run again.")
class PipelineRetryInput:
    """Input of pipelineRetry."""

    id: CiPipelineID = strawberry.field(description="ID of the pipeline.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which pipeline to remove.")
class PipelineDestroyInput:
    """Input of pipelineDestroy."""

    id: CiPipelineID = strawberry.field(description="ID of the pipeline.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.type(description="What came of pipelineCreate.")
class PipelineCreatePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    pipeline = leaf(
        refs.PIPELINE | None,
        "The new pipeline. One whose configuration has errors has failed, and tells them in errorMessages.",
    )
    request_id = leaf(
        str | None, "Always null: the pipeline exists when the answer comes.", lambda outcome: None
    )


@strawberry.type(description="What came of pipelineCancel.")
class PipelineCancelPayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    pipeline = leaf(refs.PIPELINE | None, "Extension of Pipeyard: the pipeline as it is now.")


@strawberry.type(description="What came of pipelineRetry.")
class PipelineRetryPayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    pipeline = leaf(refs.PIPELINE | None, "The pipeline as it is now.")


@strawberry.type(description="What came of pipelineDestroy.")
class PipelineDestroyPayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()


def _create(info: Info, input: Annotated[PipelineCreateInput, argument("What to create.")]) -> Outcome:
    principal = info.context.principal
    project = access_project(input.project_path, principal, OPERATE)
    name = info.operation.name
    source = PipelineSource.WEB if name and name.value == WEB_OPERATION else PipelineSource.API

    def action() -> models.Pipeline:
        return actions.create_pipeline(
            project,
            input.ref,
            source,
            acting_user=principal.user,
            variables=given_variables(input.variables),
            inputs=given_inputs(input.inputs),
        )

    created, errors = carry_out(info.context, action)
    return Outcome(input.client_mutation_id, errors, created and _now(created.pk))


def _cancel(info: Info, input: Annotated[PipelineCancelInput, argument("What to cancel.")]) -> Outcome:
    pipeline = access_pipeline(input.id, info.context.principal, OPERATE)
    _, errors = carry_out(info.context, lambda: actions.cancel_pipeline(pipeline.pk))
    return Outcome(input.client_mutation_id, errors, _now(pipeline.pk))


def _retry(info: Info, input: Annotated[PipelineRetryInput, argument("What to run again.")]) -> Outcome:
    principal = info.context.principal
    pipeline = access_pipeline(input.id, principal, OPERATE)
    _, errors = carry_out(
        info.context, lambda: actions.retry_pipeline(pipeline.pk, acting_user=principal.user)
    )
    return Outcome(input.client_mutation_id, errors, _now(pipeline.pk))


def _destroy(info: Info, input: Annotated[PipelineDestroyInput, argument("What to remove.")]) -> Outcome:
    pipeline = access_pipeline(input.id, info.context.principal, DESTROY)
    _, errors = carry_out(info.context, lambda: delete_pipeline(pipeline.pk))
    return Outcome(input.client_mutation_id, errors, None)


def _now(pipeline_id: int) -> models.Pipeline:
    """The pipeline as it is stored."""
    found: models.Pipeline = models.Pipeline.objects.get(pk=pipeline_id)
    return found


@strawberry.type
class PipelineMutations:
    """Part of Mutation."""

    pipeline_create = rooted(
        PipelineCreatePayload | None, _create, "Creates and starts a pipeline. Takes a developer."
    )
    pipeline_cancel = rooted(
        PipelineCancelPayload | None, _cancel, "Cancels the jobs that wait or run. Takes a developer."
    )
    pipeline_retry = rooted(
        PipelineRetryPayload | None,
        _retry,
        "Runs failed and cancelled jobs again, and gives skipped ones another chance. Takes a developer.",
    )
    pipeline_destroy = rooted(
        PipelineDestroyPayload | None,
        _destroy,
        "Removes a pipeline with its jobs, logs and artifacts; what runs is cancelled. Takes an owner.",
    )
