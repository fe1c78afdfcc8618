"""Owns the mutation of resource groups: which waiting job gets one next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import strawberry

from ci_core import models
from ci_core.access import access_project
from ci_core.actions.resources import change_process_mode
from ci_core.errors import NotFound
from graphql_api.context import Info
from graphql_api.fields import argument, leaf, rooted
from graphql_api.mutations.carrying_out import carry_out, client_mutation_id, payload_fields
from graphql_api.permissions import OPERATE
from graphql_api.types import references as refs
from graphql_api.types.resource_groups import CiResourceGroupProcessMode


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a payload is made of."""

    client_mutation_id: str | None
    errors: list[str]
    resource_group: models.ResourceGroup | None


@strawberry.input(description="Which resource group to change, and how.")
class CiResourceGroupUpdateInput:
    """Input of ciResourceGroupUpdate."""

    project_path: strawberry.ID = strawberry.field(description="Path of the project, such as `group/shop`.")
    key: str = strawberry.field(description="Name of the resource group.")
    process_mode: CiResourceGroupProcessMode = strawberry.field(
        description="Which waiting job gets it next, from now on."
    )
    client_mutation_id: str | None = client_mutation_id()


@strawberry.type(description="What came of ciResourceGroupUpdate.")
class CiResourceGroupUpdatePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    resource_group = leaf(refs.RESOURCE_GROUP | None, "The resource group as it is now.")


def _update(info: Info, input: Annotated[CiResourceGroupUpdateInput, argument("What to change.")]) -> Outcome:
    project = access_project(input.project_path, info.context.principal, OPERATE)
    group = models.ResourceGroup.objects.filter(project=project, key=input.key).first()

    def action() -> models.ResourceGroup:
        if group is None:
            raise NotFound("There is no such resource group.")
        return change_process_mode(group, models.ProcessMode(str(input.process_mode.value)))

    changed, errors = carry_out(info.context, action)
    return Outcome(input.client_mutation_id, errors, changed or group)


@strawberry.type
class ResourceGroupMutations:
    """Part of Mutation."""

    ci_resource_group_update = rooted(
        CiResourceGroupUpdatePayload | None,
        _update,
        "Extension of Pipeyard: changes which of the waiting jobs gets a resource group next, and gives it away at "
        "once if it is free. Takes a developer.",
    )
