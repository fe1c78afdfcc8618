"""Runners, the machines that serve them, and the tokens that let new ones register."""

from __future__ import annotations

from enum import StrEnum

from django.contrib.postgres.fields import ArrayField
from django.db import models

from ci_core.models.choices import choices, one_of
from ci_core.models.groups import Group
from ci_core.models.projects import Project
from ci_core.models.querysets import RunnerQuerySet
from ci_core.models.users import User


class RunnerType(StrEnum):
    """Whose jobs a runner takes: everybody's, those of a group's projects, or of the projects it is assigned to."""

    INSTANCE_TYPE = "instance_type"
    GROUP_TYPE = "group_type"
    PROJECT_TYPE = "project_type"


class RunnerAccessLevel(StrEnum):
    """Whether a runner takes only jobs of protected refs."""

    NOT_PROTECTED = "not_protected"
    REF_PROTECTED = "ref_protected"


class Runner(models.Model):
    """A runner: one authentication token, used by one or more machines."""

    description = models.CharField(max_length=1024, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    token_prefix = models.CharField(
        max_length=16,
        editable=False,
        help_text="First characters of the token after glrt-, to recognise it by.",
    )
    runner_type = models.CharField(
        max_length=16, choices=choices(RunnerType), default=RunnerType.INSTANCE_TYPE
    )
    access_level = models.CharField(
        max_length=16, choices=choices(RunnerAccessLevel), default=RunnerAccessLevel.NOT_PROTECTED
    )
    tags = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    run_untagged = models.BooleanField(default=True)
    paused = models.BooleanField(default=False)
    locked = models.BooleanField(default=False)
    maximum_timeout = models.PositiveIntegerField(
        null=True, blank=True, help_text="Seconds; a job's own timeout applies when it is smaller."
    )
    maintenance_note = models.TextField(blank=True)
    projects = models.ManyToManyField(Project, related_name="runners", blank=True)
    group = models.ForeignKey(
        Group,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="runners",
        help_text="Its projects' jobs are taken; instead of projects.",
    )
    creator = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True)
    created_at = models.DateTimeField()
    contacted_at = models.DateTimeField(null=True, blank=True)

    objects = RunnerQuerySet.as_manager()

    class Meta:
        constraints = [
            one_of(RunnerType, "runner_type", "ci_runner_type"),
            models.CheckConstraint(
                condition=models.Q(group__isnull=False, runner_type="group_type")
                | (models.Q(group__isnull=True) & ~models.Q(runner_type="group_type")),
                name="ci_runner_group",
            ),
            one_of(RunnerAccessLevel, "access_level", "ci_runner_access_level"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} ({self.token_prefix}) {self.description}"


class RunnerManager(models.Model):
    """A machine that runs a runner's jobs; known by the system id it sends."""

    runner = models.ForeignKey(Runner, on_delete=models.CASCADE, related_name="managers")
    system_id = models.CharField(max_length=64)
    name = models.CharField(max_length=255, blank=True)
    version = models.CharField(max_length=255, blank=True)
    revision = models.CharField(max_length=255, blank=True)
    platform = models.CharField(max_length=255, blank=True)
    architecture = models.CharField(max_length=255, blank=True)
    executor = models.CharField(max_length=255, blank=True)
    features = models.JSONField(default=dict, blank=True)
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    created_at = models.DateTimeField()
    contacted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["runner", "system_id"], name="ci_runner_manager_once")]

    def __str__(self) -> str:
        return self.system_id


class RunnerRegistrationToken(models.Model):
    """Lets runners register themselves, for one project or (with none) for the instance."""

    digest = models.CharField(max_length=64, unique=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, blank=True)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"registration token {self.pk}"
