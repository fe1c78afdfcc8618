"""Owns the mutations of artifacts: destroy one, destroy many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import strawberry

from ci_core import models
from ci_core.access import access_job, access_project_by_id
from ci_core.actions.artifacts import destroy_artifacts
from ci_core.errors import NotFound
from ci_core.models.ids import job_of
from graphql_api.context import Info
from graphql_api.fields import argument, leaf, rooted
from graphql_api.mutations.carrying_out import carry_out, client_mutation_id, payload_fields
from graphql_api.node_ids import CiJobArtifactID, ProjectID, global_id
from graphql_api.permissions import ADMINISTER
from graphql_api.types import references as refs


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a payload is made of: the artifacts that were removed."""

    client_mutation_id: str | None
    errors: list[str]
    destroyed: Sequence[models.Artifact]


@strawberry.input(description="Which artifact to remove.")
class ArtifactDestroyInput:
    """Input of artifactDestroy."""

    id: CiJobArtifactID = strawberry.field(description="ID of the artifact.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which artifacts of a project to remove.")
class BulkDestroyJobArtifactsInput:
    """Input of bulkDestroyJobArtifacts."""

    project_id: ProjectID = strawberry.field(description="ID of the project.")
    ids: list[CiJobArtifactID] = strawberry.field(description="IDs of the artifacts, up to 100.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.type(description="What came of artifactDestroy.")
class ArtifactDestroyPayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    artifact = leaf(
        refs.ARTIFACT | None,
        "The artifact that was removed.",
        lambda outcome: outcome.destroyed[0] if outcome.destroyed else None,
    )


@strawberry.type(description="What came of bulkDestroyJobArtifacts.")
class BulkDestroyJobArtifactsPayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    destroyed_count = leaf(
        int | None, "How many artifacts were removed.", lambda outcome: len(outcome.destroyed)
    )
    destroyed_ids = leaf(
        list[CiJobArtifactID] | None,
        "IDs of the artifacts that were removed.",
        lambda outcome: [global_id("Ci::JobArtifact", row.pk) for row in outcome.destroyed],
    )


def _destroy(info: Info, input: Annotated[ArtifactDestroyInput, argument("What to remove.")]) -> Outcome:
    job = access_job(job_of(input.id), info.context.principal, ADMINISTER)

    def action() -> list[models.Artifact]:
        destroyed = destroy_artifacts(job.project, [input.id])
        if not destroyed:
            raise NotFound("There is no such artifact, or you may not see it.")
        return destroyed

    destroyed, errors = carry_out(info.context, action)
    return Outcome(input.client_mutation_id, errors, destroyed or ())


def _destroy_many(
    info: Info, input: Annotated[BulkDestroyJobArtifactsInput, argument("What to remove.")]
) -> Outcome:
    project = access_project_by_id(input.project_id, info.context.principal, ADMINISTER)
    destroyed, errors = carry_out(info.context, lambda: destroy_artifacts(project, input.ids))
    return Outcome(input.client_mutation_id, errors, destroyed or ())


@strawberry.type
class ArtifactMutations:
    """Part of Mutation."""

    artifact_destroy = rooted(
        ArtifactDestroyPayload | None, _destroy, "Removes an artifact for good. Takes a maintainer."
    )
    bulk_destroy_job_artifacts = rooted(
        BulkDestroyJobArtifactsPayload | None,
        _destroy_many,
        "Removes artifacts of a project for good; those that it has not are passed over. Takes a maintainer.",
    )
