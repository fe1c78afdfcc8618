"""Owns the mutations of environments: create, update, stop, delete, keep, and roll back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import strawberry

from ci_core import models
from ci_core.access import access_deployment, access_environment, access_project
from ci_core.actions import environments as actions
from ci_core.actions.stopping import stop_environment
from ci_core.errors import InvalidInput
from ci_core.models import DeploymentTier as Tier
from graphql_api.context import Info
from graphql_api.fields import argument, leaf, rooted
from graphql_api.mutations.carrying_out import carry_out, client_mutation_id, payload_fields
from graphql_api.node_ids import ClustersAgentID, DeploymentID, EnvironmentID
from graphql_api.permissions import OPERATE
from graphql_api.types import references as refs
from graphql_api.types.enums_things import DeploymentTier

DESCRIPTION = "What it is, in Markdown"
EXTERNAL_URL = "Where it can be visited; begins with http:// or https://"
TIER = "What it is for"
NAMESPACE = "Namespace in Kubernetes; kept, and not used"
FLUX = "Path of its Flux resource; kept, and not used"
AGENT = "Not supported: gives an error unless it is null."
STAYS = "; left out, it stays, and an empty text clears it."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a payload is made of."""

    client_mutation_id: str | None
    errors: list[str]
    environment: models.Environment | None = None


@strawberry.input(description="The new environment.")
class EnvironmentCreateInput:
    """Input of environmentCreate."""

    project_path: strawberry.ID = strawberry.field(description="Path of the project, such as `group/shop`.")
    name: str = strawberry.field(description="Name, such as `review/login`.")
    description: str | None = strawberry.field(description=f"{DESCRIPTION}.")
    external_url: str | None = strawberry.field(description=f"{EXTERNAL_URL}.")
    tier: DeploymentTier | None = strawberry.field(description=f"{TIER}; guessed from the name by default.")
    kubernetes_namespace: str | None = strawberry.field(description=f"{NAMESPACE}.")
    flux_resource_path: str | None = strawberry.field(description=f"{FLUX}.")
    cluster_agent_id: ClustersAgentID | None = strawberry.field(description=AGENT)
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="What to change of an environment; what is left out stays.")
class EnvironmentUpdateInput:
    """Input of environmentUpdate."""

    id: EnvironmentID = strawberry.field(description="ID of the environment.")
    description: str | None = strawberry.field(description=f"{DESCRIPTION}{STAYS}")
    external_url: str | None = strawberry.field(description=f"{EXTERNAL_URL}{STAYS}")
    tier: DeploymentTier | None = strawberry.field(description=f"{TIER}.")
    kubernetes_namespace: str | None = strawberry.field(description=f"{NAMESPACE}{STAYS}")
    flux_resource_path: str | None = strawberry.field(description=f"{FLUX}{STAYS}")
    cluster_agent_id: ClustersAgentID | None = strawberry.field(description=AGENT)
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which environment to stop.")
class EnvironmentStopInput:
    """Input of environmentStop."""

    id: EnvironmentID = strawberry.field(description="ID of the environment.")
    force: bool | None = strawberry.field(description="Stops it at once, without its stop jobs.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which environment to delete.")
class EnvironmentDeleteInput:
    """Input of environmentDelete."""

    id: EnvironmentID = strawberry.field(description="ID of the environment; it must be stopped.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which environment to keep.")
class EnvironmentCancelAutoStopInput:
    """Input of environmentCancelAutoStop."""

    id: EnvironmentID = strawberry.field(description="ID of the environment.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which deployment to repeat.")
class DeploymentRollbackInput:
    """Input of deploymentRollback."""

    id: DeploymentID = strawberry.field(description="ID of the deployment.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.type(description="What came of environmentCreate.")
class EnvironmentCreatePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    environment = leaf(refs.ENVIRONMENT | None, "The new environment.")


@strawberry.type(description="What came of environmentUpdate.")
class EnvironmentUpdatePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    environment = leaf(refs.ENVIRONMENT | None, "The environment as it is now.")


@strawberry.type(description="What came of environmentStop.")
class EnvironmentStopPayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    environment = leaf(refs.ENVIRONMENT | None, "The environment as it is now.")


@strawberry.type(description="What came of environmentDelete.")
class EnvironmentDeletePayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()


@strawberry.type(description="What came of environmentCancelAutoStop.")
class EnvironmentCancelAutoStopPayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    environment = leaf(refs.ENVIRONMENT | None, "The environment as it is now.")


@dataclass(frozen=True, slots=True)
class RollbackOutcome:
    """What the payload of a rollback is made of."""

    client_mutation_id: str | None
    errors: list[str]
    job: models.Job | None


@strawberry.type(description="What came of deploymentRollback.")
class DeploymentRollbackPayload:
    """Its parent is a RollbackOutcome."""

    client_mutation_id, errors = payload_fields()
    job = leaf(refs.JOB | None, "The new job, which deploys again.")


def _tier(given: DeploymentTier | None) -> Tier | None:
    return None if given is None else Tier(str(given.value))


def _refuse_agent(input: EnvironmentCreateInput | EnvironmentUpdateInput) -> None:
    if input.cluster_agent_id is not None:
        raise InvalidInput("clusterAgentId: Kubernetes is not connected here: leave it out.")


def _create(info: Info, input: Annotated[EnvironmentCreateInput, argument("What to create.")]) -> Outcome:
    project = access_project(input.project_path, info.context.principal, OPERATE)

    def action() -> models.Environment:
        _refuse_agent(input)
        return actions.create_environment(
            project,
            name=input.name,
            description=input.description or "",
            external_url=input.external_url or "",
            tier=_tier(input.tier),
            kubernetes_namespace=input.kubernetes_namespace or "",
            flux_resource_path=input.flux_resource_path or "",
        )

    created, errors = carry_out(info.context, action)
    return Outcome(input.client_mutation_id, errors, created)


def _update(info: Info, input: Annotated[EnvironmentUpdateInput, argument("What to change.")]) -> Outcome:
    environment = access_environment(input.id, info.context.principal, OPERATE)

    def action() -> models.Environment:
        _refuse_agent(input)
        return actions.update_environment(
            environment.pk,
            acting_user=info.context.principal.user,
            description=input.description,
            external_url=input.external_url,
            tier=_tier(input.tier),
            kubernetes_namespace=input.kubernetes_namespace,
            flux_resource_path=input.flux_resource_path,
        )

    _, errors = carry_out(info.context, action)
    return Outcome(input.client_mutation_id, errors, _now(environment.pk))


def _stop(info: Info, input: Annotated[EnvironmentStopInput, argument("What to stop.")]) -> Outcome:
    environment = access_environment(input.id, info.context.principal, OPERATE)
    _, errors = carry_out(
        info.context,
        lambda: stop_environment(
            environment.pk, acting_user=info.context.principal.user, force=bool(input.force)
        ),
    )
    return Outcome(input.client_mutation_id, errors, _now(environment.pk))


def _delete(info: Info, input: Annotated[EnvironmentDeleteInput, argument("What to delete.")]) -> Outcome:
    environment = access_environment(input.id, info.context.principal, OPERATE)
    _, errors = carry_out(
        info.context,
        lambda: actions.delete_environment(environment.pk, acting_user=info.context.principal.user),
    )
    return Outcome(input.client_mutation_id, errors)


def _cancel_auto_stop(
    info: Info, input: Annotated[EnvironmentCancelAutoStopInput, argument("What to keep.")]
) -> Outcome:
    environment = access_environment(input.id, info.context.principal, OPERATE)
    _, errors = carry_out(
        info.context,
        lambda: actions.cancel_auto_stop(environment.pk, acting_user=info.context.principal.user),
    )
    return Outcome(input.client_mutation_id, errors, _now(environment.pk))


def _roll_back(
    info: Info, input: Annotated[DeploymentRollbackInput, argument("What to repeat.")]
) -> RollbackOutcome:
    deployment = access_deployment(input.id, info.context.principal, OPERATE)
    job, errors = carry_out(
        info.context,
        lambda: actions.rollback_deployment(deployment.pk, acting_user=info.context.principal.user),
    )
    return RollbackOutcome(input.client_mutation_id, errors, job)


def _now(environment_id: int) -> models.Environment | None:
    """The environment as it is stored."""
    found: models.Environment | None = models.Environment.objects.filter(pk=environment_id).first()
    return found


@strawberry.type
class EnvironmentMutations:
    """Part of Mutation."""

    environment_create = rooted(
        EnvironmentCreatePayload | None, _create, "Creates an environment. Takes a developer."
    )
    environment_update = rooted(
        EnvironmentUpdatePayload | None,
        _update,
        "Changes an environment. Takes a developer who may deploy to it.",
    )
    environment_stop = rooted(
        EnvironmentStopPayload | None,
        _stop,
        "Starts the environment's stop jobs, whose success stops it, or stops it at once when there are none. "
        "Takes a developer who may deploy to it.",
    )
    environment_delete = rooted(
        EnvironmentDeletePayload | None,
        _delete,
        "Deletes a stopped environment with its deployments. Takes a developer who may deploy to it.",
    )
    environment_cancel_auto_stop = rooted(
        EnvironmentCancelAutoStopPayload | None,
        _cancel_auto_stop,
        "Extension of Pipeyard: keeps an environment up until somebody stops it, or the next deployment says "
        "otherwise. Takes a developer who may deploy to it.",
    )
    deployment_rollback = rooted(
        DeploymentRollbackPayload | None,
        _roll_back,
        "Extension of Pipeyard: deploys again what an earlier deployment did, by running its job once more. Takes a "
        "developer who may deploy to the environment.",
    )
