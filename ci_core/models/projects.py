"""Projects: where a pipeline's repository is, who may see it, and the counters of its iids."""

from __future__ import annotations

from enum import StrEnum

from django.db import models

from ci_core.models.choices import ACCESS_LEVELS, choices, one_of
from ci_core.models.groups import Group
from ci_core.models.querysets import ProjectQuerySet
from ci_core.models.users import User


class Visibility(StrEnum):
    """Who may see a project: its members, anyone signed in, or everyone."""

    PRIVATE = "private"
    INTERNAL = "internal"
    PUBLIC = "public"


class Project(models.Model):
    """A git repository whose pipelines Pipeyard runs."""

    full_path = models.CharField(max_length=255, unique=True, help_text="For example group/shop.")
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    visibility = models.CharField(max_length=16, choices=choices(Visibility), default=Visibility.PRIVATE)
    prevent_outdated_deployments = models.BooleanField(
        default=True,
        db_default=True,
        help_text="A job that would deploy something older than what is deployed fails instead.",
    )
    default_branch = models.CharField(max_length=255, default="main")
    repository_path = models.CharField(
        max_length=1024,
        help_text="Of the bare git repository; a relative path starts at PIPEYARD_REPOSITORIES.",
    )
    ci_config_path = models.CharField(max_length=255, default=".gitlab-ci.yml")
    build_timeout = models.PositiveIntegerField(default=3600, help_text="Seconds that a job may run.")
    auto_cancel_pending_pipelines = models.BooleanField(
        default=True, help_text="A new pipeline of a branch cancels older ones that it makes redundant."
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    group = models.ForeignKey(
        Group,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="projects",
        help_text="The innermost group whose path its own begins with; none if there is no such group.",
    )
    members = models.ManyToManyField(User, through="ProjectMembership", related_name="projects")

    objects = ProjectQuerySet.as_manager()

    class Meta:
        constraints = [one_of(Visibility, "visibility", "ci_project_visibility")]

    def __str__(self) -> str:
        return self.full_path


class ProjectMembership(models.Model):
    """A user's role in a project."""

    LEVELS = ACCESS_LEVELS

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    access_level = models.PositiveSmallIntegerField(choices=LEVELS)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "project"], name="ci_membership_once")]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.project_id}: {self.get_access_level_display()}"


class InternalId(models.Model):
    """The last iid given out in a project for one kind of object.

    A row of its own, so that counting locks nobody who reads or changes the project.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE)
    usage = models.CharField(max_length=32)
    last_value = models.PositiveBigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "usage"], name="ci_internal_id_once")]
