"""Owns the tables as a Django user would declare them: with the foreign keys that the peers' optimizers follow."""

from __future__ import annotations

import django
from django.db import models

django.setup()


class Project(models.Model):
    full_path = models.TextField()

    class Meta:
        app_label = "peers"
        managed = False
        db_table = "ci_core_project"


class Pipeline(models.Model):
    project = models.ForeignKey(Project, models.DO_NOTHING, related_name="pipelines")
    iid = models.BigIntegerField()
    ref = models.TextField()
    sha = models.TextField()
    status = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        app_label = "peers"
        managed = False
        db_table = "ci_core_pipeline"


class Stage(models.Model):
    id = models.BigIntegerField(primary_key=True)
    pipeline = models.ForeignKey(Pipeline, models.DO_NOTHING, related_name="stages")
    name = models.TextField()
    status = models.TextField()

    class Meta:
        app_label = "peers"
        managed = False
        db_table = "ci_core_stage"


class Runner(models.Model):
    description = models.TextField()

    class Meta:
        app_label = "peers"
        managed = False
        db_table = "ci_core_runner"


class Job(models.Model):
    id = models.BigIntegerField(primary_key=True)
    project = models.ForeignKey(Project, models.DO_NOTHING, related_name="jobs")
    pipeline = models.ForeignKey(Pipeline, models.DO_NOTHING, related_name="jobs")
    stage = models.ForeignKey(Stage, models.DO_NOTHING, related_name="jobs")
    runner = models.ForeignKey(Runner, models.DO_NOTHING, null=True, related_name="jobs")
    name = models.TextField()
    status = models.TextField()
    allow_failure = models.BooleanField()
    created_at = models.DateTimeField()
    queued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "peers"
        managed = False
        db_table = "ci_core_job"


class Need(models.Model):
    id = models.BigIntegerField(primary_key=True)
    job = models.ForeignKey(Job, models.DO_NOTHING, related_name="needs")
    name = models.TextField()

    class Meta:
        app_label = "peers"
        managed = False
        db_table = "ci_core_need"


class Artifact(models.Model):
    id = models.BigIntegerField(primary_key=True)
    job = models.ForeignKey(Job, models.DO_NOTHING, related_name="artifacts")
    filename = models.TextField()
    size = models.BigIntegerField()

    class Meta:
        app_label = "peers"
        managed = False
        db_table = "ci_core_artifact"


class Environment(models.Model):
    project = models.ForeignKey(Project, models.DO_NOTHING, related_name="environments")
    name = models.TextField()
    state = models.TextField()
    tier = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        app_label = "peers"
        managed = False
        db_table = "ci_core_environment"


class Deployment(models.Model):
    environment = models.ForeignKey(Environment, models.DO_NOTHING, related_name="deployments")
    iid = models.BigIntegerField()
    status = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        app_label = "peers"
        managed = False
        db_table = "ci_core_deployment"


def last_deployments() -> models.QuerySet[Deployment]:
    """The last successful deployment of each environment."""
    return (
        Deployment.objects.filter(status="success")
        .order_by("environment_id", "-id")
        .distinct("environment_id")
    )
