"""Owns the mutations of pipeline trigger tokens: create, update, delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import strawberry

from ci_core import models
from ci_core.access import access_project, access_trigger
from ci_core.actions import trigger_tokens as actions
from ci_core.errors import Forbidden
from graphql_api.context import Info
from graphql_api.fields import argument, leaf, rooted
from graphql_api.mutations.carrying_out import carry_out, client_mutation_id, payload_fields
from graphql_api.node_ids import CiTriggerID
from graphql_api.permissions import ADMINISTER
from graphql_api.scalars import Time
from graphql_api.types import references as refs


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a payload is made of."""

    client_mutation_id: str | None
    errors: list[str]
    pipeline_trigger: models.PipelineTrigger | None = None


@strawberry.input(description="The new trigger token.")
class PipelineTriggerCreateInput:
    """Input of pipelineTriggerCreate."""

    project_path: strawberry.ID = strawberry.field(description="Path of the project, such as `group/shop`.")
    description: str = strawberry.field(description="What it is for.")
    expires_at: Time | None = strawberry.field(description="When it stops working; never by default.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which trigger token to change, and how.")
class PipelineTriggerUpdateInput:
    """Input of pipelineTriggerUpdate."""

    id: CiTriggerID = strawberry.field(description="ID of the trigger token.")
    description: str = strawberry.field(description="What it is for.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which trigger token to revoke.")
class PipelineTriggerDeleteInput:
    """Input of pipelineTriggerDelete."""

    id: CiTriggerID = strawberry.field(description="ID of the trigger token.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.type(description="What came of pipelineTriggerCreate.")
class PipelineTriggerCreatePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    pipeline_trigger = leaf(
        refs.TRIGGER | None, "The new trigger token; its `token` is told in this answer alone, so keep it."
    )


@strawberry.type(description="What came of pipelineTriggerUpdate.")
class PipelineTriggerUpdatePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    pipeline_trigger = leaf(refs.TRIGGER | None, "The trigger token as it is now.")


@strawberry.type(description="What came of pipelineTriggerDelete.")
class PipelineTriggerDeletePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()


def _create(info: Info, input: Annotated[PipelineTriggerCreateInput, argument("What to create.")]) -> Outcome:
    principal = info.context.principal
    project = access_project(input.project_path, principal, ADMINISTER)

    def action() -> models.PipelineTrigger:
        if principal.user is None:
            raise Forbidden("Sign in first.")
        return actions.create_trigger(
            project,
            acting_user=principal.user,
            description=input.description,
            expires_at=input.expires_at,
        )

    created, errors = carry_out(info.context, action)
    return Outcome(input.client_mutation_id, errors, created)


def _update(info: Info, input: Annotated[PipelineTriggerUpdateInput, argument("What to change.")]) -> Outcome:
    trigger = access_trigger(input.id, info.context.principal, own=True)
    changed, errors = carry_out(
        info.context, lambda: actions.update_trigger(trigger.pk, description=input.description)
    )
    return Outcome(input.client_mutation_id, errors, changed or trigger)


def _delete(info: Info, input: Annotated[PipelineTriggerDeleteInput, argument("What to revoke.")]) -> Outcome:
    trigger = access_trigger(input.id, info.context.principal)
    _, errors = carry_out(info.context, lambda: actions.delete_trigger(trigger.pk))
    return Outcome(input.client_mutation_id, errors)


@strawberry.type
class PipelineTriggerMutations:
    """Part of Mutation."""

    pipeline_trigger_create = rooted(
        PipelineTriggerCreatePayload | None,
        _create,
        "Creates a trigger token, whose pipelines run with the rights of the caller. Takes a maintainer.",
    )
    pipeline_trigger_update = rooted(
        PipelineTriggerUpdatePayload | None,
        _update,
        "Changes what a trigger token is for. Takes its owner, as long as they are a maintainer.",
    )
    pipeline_trigger_delete = rooted(
        PipelineTriggerDeletePayload | None,
        _delete,
        "Revokes a trigger token, for good; its pipelines stay. Takes a maintainer.",
    )
