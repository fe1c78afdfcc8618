"""graphene-django with graphene-django-optimizer."""

from __future__ import annotations

import json
from typing import Any

import answering
import graphene
import graphene_django_optimizer as optimizer
import tables
from django.db.models import Prefetch
from graphene_django import DjangoObjectType


class Need(DjangoObjectType):
    class Meta:
        model = tables.Need
        fields = ("id", "name")


class Artifact(DjangoObjectType):
    class Meta:
        model = tables.Artifact
        fields = ("id", "filename", "size")


class Runner(DjangoObjectType):
    class Meta:
        model = tables.Runner
        fields = ("id", "description")


class Job(DjangoObjectType):
    class Meta:
        model = tables.Job
        fields = (
            "id",
            "name",
            "status",
            "allow_failure",
            "created_at",
            "queued_at",
            "started_at",
            "finished_at",
            "needs",
            "runner",
            "artifacts",
            "pipeline",
        )


class Stage(DjangoObjectType):
    class Meta:
        model = tables.Stage
        fields = ("id", "name", "status", "jobs")


class Pipeline(DjangoObjectType):
    class Meta:
        model = tables.Pipeline
        fields = ("id", "iid", "status", "ref", "sha", "created_at", "stages")


class Deployment(DjangoObjectType):
    class Meta:
        model = tables.Deployment
        fields = ("id", "iid", "status", "created_at")


class Environment(DjangoObjectType):
    last_deployments = graphene.List(Deployment)

    class Meta:
        model = tables.Environment
        fields = ("id", "name", "state", "tier", "created_at")

    @optimizer.resolver_hints(
        prefetch_related=lambda info: Prefetch("deployments", tables.last_deployments(), to_attr="latest")
    )
    def resolve_last_deployments(root: Any, info: Any) -> Any:
        return root.latest


class Query(graphene.ObjectType):
    pipeline = graphene.Field(Pipeline, id=graphene.ID(required=True))
    pipelines = graphene.List(Pipeline, project=graphene.ID(required=True))
    jobs = graphene.List(Job, project=graphene.ID(required=True))
    environments = graphene.List(Environment, project=graphene.ID(required=True))

    def resolve_pipeline(root: Any, info: Any, id: str) -> Any:
        return optimizer.query(tables.Pipeline.objects.filter(pk=id), info).first()

    def resolve_pipelines(root: Any, info: Any, project: str) -> Any:
        return optimizer.query(tables.Pipeline.objects.filter(project=project).order_by("-id"), info)[:100]

    def resolve_jobs(root: Any, info: Any, project: str) -> Any:
        return optimizer.query(tables.Job.objects.filter(project=project).order_by("-id"), info)[:100]

    def resolve_environments(root: Any, info: Any, project: str) -> Any:
        return optimizer.query(tables.Environment.objects.filter(project=project).order_by("name"), info)[
            :100
        ]


schema = graphene.Schema(query=Query)


def execute(document: str, variables: dict[str, Any]) -> bytes:
    result = schema.execute(document, variable_values=variables)
    assert not result.errors, result.errors
    return json.dumps(result.data).encode()


if __name__ == "__main__":
    answering.serve(execute)
