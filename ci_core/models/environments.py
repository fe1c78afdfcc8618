"""Environments, and what was deployed to them by which job."""

from __future__ import annotations

from enum import StrEnum

from django.db import models

from ci_core.models.choices import choices, one_of
from ci_core.models.projects import Project
from ci_core.models.users import User
from ci_core.statuses import DeploymentStatus


class EnvironmentState(StrEnum):
    """Whether an environment is up."""

    AVAILABLE = "available"
    STOPPED = "stopped"


class DeploymentTier(StrEnum):
    """What an environment is for."""

    PRODUCTION = "production"
    STAGING = "staging"
    TESTING = "testing"
    DEVELOPMENT = "development"
    OTHER = "other"


class Environment(models.Model):
    """A place that jobs deploy to."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="environments", db_index=False
    )
    name = models.CharField(max_length=255)
    slug = models.CharField(max_length=24)
    external_url = models.CharField(max_length=1024, blank=True)
    state = models.CharField(
        max_length=16, choices=choices(EnvironmentState), default=EnvironmentState.AVAILABLE
    )
    tier = models.CharField(max_length=16, choices=choices(DeploymentTier), default=DeploymentTier.OTHER)
    auto_stop_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="ci_environment_once"),
            one_of(EnvironmentState, "state", "ci_environment_state"),
            one_of(DeploymentTier, "tier", "ci_environment_tier"),
        ]

    def __str__(self) -> str:
        return self.name


class Deployment(models.Model):
    """One deployment: a job that deploys a commit to an environment; its status follows the job's."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="deployments", db_index=False)
    environment = models.ForeignKey(
        Environment, on_delete=models.CASCADE, related_name="deployments", db_index=False
    )
    iid = models.PositiveBigIntegerField()
    pipeline_id = models.BigIntegerField()
    job_id = models.BigIntegerField(unique=True)
    ref = models.CharField(max_length=255)
    tag = models.BooleanField(default=False)
    sha = models.CharField(max_length=64)
    status = models.CharField(
        max_length=16, choices=choices(DeploymentStatus), default=DeploymentStatus.CREATED
    )
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "iid"], name="ci_deployment_iid_once"),
            one_of(DeploymentStatus, "status", "ci_deployment_status"),
        ]
        indexes = [models.Index(fields=["environment", "status", "-id"], name="ci_deployment_newest")]

    def __str__(self) -> str:
        return f"#{self.iid}"
