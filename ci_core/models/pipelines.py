"""Pipelines and their stages."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import models

from ci_core import clock
from ci_core.models.choices import choices, one_of
from ci_core.models.projects import Project
from ci_core.models.querysets import InPipelineQuerySet, PipelineQuerySet
from ci_core.models.users import User
from ci_core.statuses import UNFINISHED, PipelineFailureReason, PipelineSource, Status


def archived_before() -> datetime:
    """What was created before this moment is archived: unfinished jobs fail, and none can be started."""
    return clock.now() - timedelta(seconds=settings.PIPEYARD_PIPELINE_AGE_LIMIT_SECONDS)


class OnNewCommit(StrEnum):
    """`workflow:auto_cancel:on_new_commit`: what becomes of a pipeline when its ref gets a newer one."""

    CONSERVATIVE = "conservative"
    INTERRUPTIBLE = "interruptible"
    NONE = "none"


class Pipeline(models.Model):
    """One run of a project's CI configuration at a commit.

    `last_job_number` counts the jobs (retries included) that got a number in this pipeline; it is read and
    raised under this row's lock, which also orders every change of the pipeline's jobs (see `ci_core.locks`).
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="pipelines", db_index=False)
    iid = models.PositiveBigIntegerField()
    ref = models.CharField(max_length=255)
    tag = models.BooleanField(default=False)
    protected = models.BooleanField(default=False)
    sha = models.CharField(max_length=64)
    before_sha = models.CharField(max_length=64)
    source = models.CharField(max_length=32, choices=choices(PipelineSource))
    status = models.CharField(max_length=32, choices=choices(Status), default=Status.CREATED)
    name = models.CharField(max_length=255, blank=True)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="pipelines")
    failure_reason = models.CharField(max_length=64, blank=True, choices=choices(PipelineFailureReason))
    config_errors = models.JSONField(
        default=list, help_text="Each with message, file, line, column and path."
    )
    config_warnings = models.JSONField(default=list)
    cancel_on_job_failure = models.BooleanField(
        default=False, help_text="workflow:auto_cancel:on_job_failure is all."
    )
    auto_cancel_on_new_commit = models.CharField(
        max_length=16, choices=choices(OnNewCommit), default=OnNewCommit.CONSERVATIVE
    )
    auto_canceled_by_id = models.BigIntegerField(
        null=True, blank=True, help_text="Id of the newer pipeline of the ref that made this one redundant."
    )
    redundancy_unchecked = models.BooleanField(
        default=False, help_text="Whether it makes older pipelines redundant is still to be looked at."
    )
    deleting_since = models.DateTimeField(
        null=True, blank=True, help_text="Its rows and files are being removed."
    )
    last_job_number = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    duration = models.PositiveIntegerField(null=True, blank=True, help_text="Seconds that jobs were running.")

    objects = PipelineQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "iid"], name="ci_pipeline_iid_once"),
            one_of(Status, "status", "ci_pipeline_status"),
            one_of(OnNewCommit, "auto_cancel_on_new_commit", "ci_pipeline_on_new_commit"),
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                name="ci_pipeline_unfinished",
                condition=models.Q(status__in=sorted(status.value for status in UNFINISHED)),
            ),
            models.Index(
                fields=["deleting_since"],
                name="ci_pipeline_deleting",
                condition=models.Q(deleting_since__isnull=False),
            ),
            models.Index(
                fields=["id"], name="ci_pipeline_unchecked", condition=models.Q(redundancy_unchecked=True)
            ),
            models.Index(fields=["project", "-id"], name="ci_pipeline_newest"),
            models.Index(fields=["project", "ref", "-id"], name="ci_pipeline_by_ref"),
            models.Index(fields=["project", "status", "-id"], name="ci_pipeline_by_status"),
            models.Index(fields=["project", "sha", "-id"], name="ci_pipeline_by_sha"),
            models.Index(fields=["project", "started_at"], name="ci_pipeline_by_start"),
            models.Index(fields=["project", "created_at"], name="ci_pipeline_by_creation"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class PipelineExplanation(models.Model):
    """Why each job of the configuration is in the pipeline or not, as `Explanation.packed` tells it.

    Kept apart from the pipeline: lists and locks read pipelines often, and this seldom.
    """

    pipeline = models.OneToOneField(
        Pipeline, on_delete=models.CASCADE, primary_key=True, related_name="explanation"
    )
    content = models.TextField(help_text="JSON; as text, which may tell of the character NUL.")

    def __str__(self) -> str:
        return f"#{self.pk}"


def pipeline_reference(related_name: str) -> Any:
    """A partitioned row's reference to its pipeline.

    No database constraint: a check per inserted row would cost more than the rows of a pipeline, which one
    transaction writes and one action deletes together.
    """
    return models.ForeignKey(
        Pipeline, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name=related_name
    )


class Stage(models.Model):
    """A stage of a pipeline. Partitioned; `id = pipeline.id << 16 | position`, position from 1.

    `tally` says how many of its latest jobs are in which status, so that processing need not read them all; the
    statement that moves jobs keeps it (`ci_core.transition`, in the form of `ci_core.tallies`). Empty until processing
    counts them, and after a retry.
    """

    id = models.BigIntegerField(primary_key=True)
    pipeline = pipeline_reference("stages")
    name = models.CharField(max_length=255)
    position = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=32, choices=choices(Status), default=Status.CREATED)
    tally = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="JSON: jobs by status, allow_failure and scheduling_type.",
    )

    objects = InPipelineQuerySet.as_manager()

    class Meta:
        constraints = [one_of(Status, "status", "ci_stage_status")]

    def __str__(self) -> str:
        return self.name
