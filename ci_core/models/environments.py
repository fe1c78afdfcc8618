"""Environments, what was deployed to them by which job, and who may deploy."""

from __future__ import annotations

from enum import StrEnum

from django.db import models

from ci_core.models.choices import choices, one_of
from ci_core.models.projects import Project, ProjectMembership
from ci_core.models.users import User
from ci_core.statuses import DeploymentStatus


class EnvironmentState(StrEnum):
    """Whether an environment is up. `stopping`: its stop jobs are at work."""

    AVAILABLE = "available"
    STOPPING = "stopping"
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
    description = models.TextField(blank=True, default="", db_default="")
    kubernetes_namespace = models.CharField(max_length=63, blank=True, default="", db_default="")
    flux_resource_path = models.CharField(max_length=255, blank=True, default="", db_default="")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    stopping_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["auto_stop_at"],
                name="ci_environment_auto_stop",
                condition=models.Q(auto_stop_at__isnull=False),
            ),
            models.Index(
                fields=["stopping_since"],
                name="ci_environment_stopping",
                condition=models.Q(stopping_since__isnull=False),
            ),
        ]
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
    on_stop = models.CharField(
        max_length=255,
        blank=True,
        default="",
        db_default="",
        help_text="Job of the same pipeline that stops the environment.",
    )
    auto_stop_in = models.PositiveIntegerField(
        null=True, blank=True, help_text="Seconds from its success until the environment stops by itself."
    )
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


class ProtectedEnvironment(models.Model):
    """Limits who may deploy to an environment: a role and above, or certain users."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="protected_environments", db_index=False
    )
    name = models.CharField(max_length=255)
    access_level = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        choices=ProjectMembership.LEVELS,
        help_text="Least role; empty: only the users.",
    )
    users = models.ManyToManyField(User, related_name="protected_environments", blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="ci_protected_environment_once")
        ]

    def __str__(self) -> str:
        return self.name
