"""Strawberry with its Django integration and optimizer, on stock graphql-core."""

from __future__ import annotations

import json
from typing import Any

import answering
import strawberry
import strawberry_django
import tables
from django.db.models import Prefetch
from strawberry import auto
from strawberry_django.optimizer import DjangoOptimizerExtension


@strawberry_django.type(tables.Need)
class Need:
    id: strawberry.ID
    name: auto


@strawberry_django.type(tables.Artifact)
class Artifact:
    id: strawberry.ID
    filename: auto
    size: auto


@strawberry_django.type(tables.Runner)
class Runner:
    id: strawberry.ID
    description: auto


@strawberry_django.type(tables.Pipeline)
class Pipeline:
    id: strawberry.ID
    iid: auto
    status: auto
    ref: auto
    sha: auto
    created_at: auto
    stages: list[Stage]


@strawberry_django.type(tables.Job)
class Job:
    id: strawberry.ID
    name: auto
    status: auto
    allow_failure: auto
    created_at: auto
    queued_at: auto
    started_at: auto
    finished_at: auto
    needs: list[Need]
    runner: Runner | None
    artifacts: list[Artifact]
    pipeline: Pipeline


@strawberry_django.type(tables.Stage)
class Stage:
    id: strawberry.ID
    name: auto
    status: auto
    jobs: list[Job]


@strawberry_django.type(tables.Deployment)
class Deployment:
    id: strawberry.ID
    iid: auto
    status: auto
    created_at: auto


@strawberry_django.type(tables.Environment)
class Environment:
    id: strawberry.ID
    name: auto
    state: auto
    tier: auto
    created_at: auto

    @strawberry_django.field(
        prefetch_related=[Prefetch("deployments", tables.last_deployments(), to_attr="last_deployments")]
    )
    def last_deployments(self) -> list[Deployment]:
        return self.last_deployments  # type: ignore[attr-defined]


@strawberry.type
class Query:
    @strawberry_django.field
    def pipeline(self, id: strawberry.ID) -> Pipeline:
        return tables.Pipeline.objects.filter(pk=id)

    @strawberry_django.field
    def pipelines(self, project: strawberry.ID) -> list[Pipeline]:
        return tables.Pipeline.objects.filter(project=project).order_by("-id")[:100]

    @strawberry_django.field
    def jobs(self, project: strawberry.ID) -> list[Job]:
        return tables.Job.objects.filter(project=project).order_by("-id")[:100]

    @strawberry_django.field
    def environments(self, project: strawberry.ID) -> list[Environment]:
        return tables.Environment.objects.filter(project=project).order_by("name")[:100]


schema = strawberry.Schema(query=Query, extensions=[DjangoOptimizerExtension])


def execute(document: str, variables: dict[str, Any]) -> bytes:
    result = schema.execute_sync(document, variable_values=variables)
    assert not result.errors, result.errors
    return json.dumps(result.data).encode()


if __name__ == "__main__":
    answering.serve(execute)
