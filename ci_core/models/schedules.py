"""Pipeline schedules: when they are due, what their pipelines get, and the record of each run."""

from __future__ import annotations

from enum import StrEnum

from django.db import models

from ci_core.models.choices import choices, one_of
from ci_core.models.projects import Project
from ci_core.models.users import User
from ci_core.models.variables import VariableType


class PipelineSchedule(models.Model):
    """Creates pipelines of a ref by a cron pattern, with its owner's rights.

    `next_run_at` is null while the schedule is not active; so an index over it holds what is waiting, and nothing else.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="pipeline_schedules")
    description = models.CharField(max_length=255)
    ref = models.CharField(max_length=255, help_text="In full: refs/heads/... or refs/tags/...")
    cron = models.CharField(max_length=255)
    cron_timezone = models.CharField(max_length=255, default="UTC", help_text="IANA name.")
    inputs = models.JSONField(default=dict, blank=True, help_text="Values of spec:inputs, by name.")
    active = models.BooleanField(default=True)
    deactivated_reason = models.CharField(
        max_length=255, blank=True, help_text="Why Pipeyard itself stopped scheduling it; empty otherwise."
    )
    owner = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="pipeline_schedules"
    )
    next_run_at = models.DateTimeField(null=True, blank=True)
    last_pipeline_id = models.BigIntegerField(
        null=True, blank=True, help_text="It may have been deleted since."
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(active=True, next_run_at__isnull=False)
                | models.Q(active=False, next_run_at__isnull=True),
                name="ci_schedule_due_if_active",
            )
        ]
        indexes = [
            models.Index(
                fields=["next_run_at"], name="ci_schedule_due", condition=models.Q(next_run_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return self.description

    @property
    def for_tag(self) -> bool:
        """Whether it runs for a tag."""
        return self.ref.startswith("refs/tags/")

    @property
    def ref_for_display(self) -> str:
        """The branch's or tag's name alone."""
        return self.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")


class PipelineScheduleVariable(models.Model):
    """A variable that the schedule's pipelines get, and no others."""

    schedule = models.ForeignKey(
        PipelineSchedule, on_delete=models.CASCADE, related_name="variables", db_index=False
    )
    key = models.CharField(max_length=255)
    value = models.TextField(blank=True)
    variable_type = models.CharField(
        max_length=16, choices=choices(VariableType), default=VariableType.ENV_VAR
    )
    raw = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["schedule", "key"], name="ci_schedule_variable_once"),
            one_of(VariableType, "variable_type", "ci_schedule_variable_type"),
        ]

    def __str__(self) -> str:
        return self.key


class ScheduleRunKind(StrEnum):
    """Whether a run was due, or somebody asked for it."""

    DUE = "due"
    PLAYED = "played"


class ScheduleRun(models.Model):
    """One run of a schedule: when it was due and when it started, and what came of it.

    Exactly one of `pipeline_id` and `error` tells the outcome. One run per schedule and due time: the database itself
    refuses to fire a slot twice.
    """

    schedule = models.ForeignKey(
        PipelineSchedule, on_delete=models.CASCADE, related_name="runs", db_index=False
    )
    kind = models.CharField(max_length=8, choices=choices(ScheduleRunKind), default=ScheduleRunKind.DUE)
    due_at = models.DateTimeField()
    started_at = models.DateTimeField()
    lateness_ms = models.PositiveBigIntegerField(help_text="Milliseconds from due to started.")
    missed = models.PositiveIntegerField(
        default=0, help_text="Further slots that had passed meanwhile and are not made up for."
    )
    finished_at = models.DateTimeField(help_text="When the pipeline was created, or refused.")
    user = models.ForeignKey(
        User,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whose rights it had.",
    )
    pipeline_id = models.BigIntegerField(null=True, blank=True, help_text="It may have been deleted since.")
    error = models.TextField(blank=True, help_text="Why there is no pipeline.")
    error_code = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "due_at"],
                condition=models.Q(kind="due"),
                name="ci_schedule_run_once",
            ),
            one_of(ScheduleRunKind, "kind", "ci_schedule_run_kind"),
        ]
        indexes = [
            models.Index(fields=["schedule", "-id"], name="ci_schedule_run_newest"),
            models.Index(fields=["started_at"], name="ci_schedule_run_age"),
            models.Index(
                fields=["pipeline_id"],
                name="ci_schedule_run_pipeline",
                condition=models.Q(pipeline_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.due_at:%Y-%m-%d %H:%M:%S}"
