"""Jobs with what they need and what runners get of them; the queue, and the jobs that are on a runner.

Every row carries its pipeline's id, and every hot statement names it, so that it touches one partition.
"""

from __future__ import annotations

from enum import StrEnum

from django.contrib.postgres.fields import ArrayField
from django.db import models

from ci_core.models.choices import choices, one_of
from ci_core.models.pipelines import Stage, pipeline_reference
from ci_core.models.projects import Project
from ci_core.models.querysets import InPipelineQuerySet, JobQuerySet
from ci_core.models.resources import ResourceGroup
from ci_core.models.runners import Runner, RunnerManager
from ci_core.models.users import User
from ci_core.statuses import FailureReason, SchedulingType, Status, When


class JobKind(StrEnum):
    """A job that a runner executes, or one that starts another pipeline."""

    BUILD = "build"
    BRIDGE = "bridge"


class JobDefinition(models.Model):
    """What a runner needs to execute a job: script, variables, image, artifacts, cache, ... Partitioned.

    Kept apart from the job so that a change of status rewrites a slim row, and shared by a job's retries.
    `content` has the shape of `CompiledJob.definition()`.
    """

    id = models.BigIntegerField(primary_key=True)
    pipeline = pipeline_reference("definitions")
    content = models.JSONField()

    objects = InPipelineQuerySet.as_manager()


class Job(models.Model):
    """A job of a pipeline. Partitioned; `id = pipeline.id << 16 | n`.

    A retry is a new row with the same name; the old one is then `retried` and counts no more.
    `number` orders the jobs of a pipeline as the configuration does. `attempt` counts the times a runner got it,
    and is part of the job token's key.
    """

    id = models.BigIntegerField(primary_key=True)
    pipeline = pipeline_reference("jobs")
    project = models.ForeignKey(Project, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    stage = models.ForeignKey(
        Stage, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="jobs"
    )
    definition = models.ForeignKey(
        JobDefinition, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="jobs"
    )
    name = models.CharField(max_length=255)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=choices(JobKind), default=JobKind.BUILD)
    status = models.CharField(max_length=32, choices=choices(Status), default=Status.CREATED)
    when = models.CharField(max_length=16, choices=choices(When), default=When.ON_SUCCESS)
    scheduling_type = models.CharField(max_length=8, choices=choices(SchedulingType))
    allow_failure = models.BooleanField(default=False)
    enqueue_immediately = models.BooleanField(default=False)
    retried = models.BooleanField(default=False)
    interruptible = models.BooleanField(default=False)
    protected = models.BooleanField(default=False)
    tags = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    timeout = models.PositiveIntegerField(null=True, blank=True, help_text="Seconds.")
    start_in = models.PositiveIntegerField(null=True, blank=True, help_text="Seconds; of a delayed job.")
    environment_name = models.CharField(max_length=255, blank=True)
    coverage_pattern = models.TextField(
        blank=True, help_text="Finds the coverage in the log; between slashes."
    )
    resource_group = models.ForeignKey(
        ResourceGroup, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True, blank=True
    )
    given_variables = models.JSONField(
        null=True, blank=True, help_text="Given by whoever played or retried it: key, value, variable_type."
    )
    given_inputs = models.JSONField(
        null=True, blank=True, help_text="Values by name, given by whoever played or retried it."
    )
    user = models.ForeignKey(
        User, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True, blank=True
    )
    runner = models.ForeignKey(
        Runner, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True, blank=True
    )
    runner_manager = models.ForeignKey(
        RunnerManager, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True, blank=True
    )
    attempt = models.PositiveSmallIntegerField(default=0)
    failure_reason = models.CharField(max_length=64, blank=True, choices=choices(FailureReason))
    exit_code = models.IntegerField(null=True, blank=True)
    coverage = models.FloatField(null=True, blank=True, help_text="Percent, as its log told.")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    scheduled_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True, help_text="When log and artifacts were removed.")
    erased_by = models.ForeignKey(
        User,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        blank=True,
        related_name="+",
    )

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints = [
            one_of(Status, "status", "ci_job_status"),
            one_of(When, "when", "ci_job_when"),
        ]
        indexes = [
            models.Index(fields=["project", "-id"], name="ci_job_by_project"),
            # The name first: so no look-up by pipeline and id can take this index and read the whole pipeline. The
            # planner did that where a plan outlived the growth of a new partition, with both indexes alike to it.
            models.Index(fields=["name", "pipeline"], name="ci_job_by_name"),
            models.Index(
                fields=["runner", "-id"], name="ci_job_by_runner", condition=models.Q(runner__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.name}"


class Need(models.Model):
    """One entry of a job's `needs`. Partitioned; `id = job.id << 10 | n`.

    By name, not by id: the needed job may be retried, and then its latest copy is meant.
    """

    id = models.BigIntegerField(primary_key=True)
    pipeline = pipeline_reference("needs")
    job = models.ForeignKey(
        Job, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="needs"
    )
    name = models.CharField(max_length=255)
    optional = models.BooleanField(default=False)
    artifacts = models.BooleanField(default=True)

    objects = InPipelineQuerySet.as_manager()

    class Meta:
        # The name first, as with the jobs.
        indexes = [models.Index(fields=["name", "pipeline"], name="ci_need_by_name")]

    def __str__(self) -> str:
        return self.name


class PendingJob(models.Model):
    """A row of the queue: a pending job with what matching a runner takes."""

    job_id = models.BigIntegerField(primary_key=True)
    pipeline_id = models.BigIntegerField()
    project = models.ForeignKey(Project, on_delete=models.CASCADE, db_index=False)
    tags = ArrayField(models.CharField(max_length=255), default=list)
    protected = models.BooleanField(default=False)
    queued_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["project", "job_id"], name="ci_pending_by_project"),
            models.Index(fields=["queued_at"], name="ci_pending_by_age"),
        ]


class RunningJob(models.Model):
    """A job that is on a runner: until when it may run, and when its runner was last heard of.

    acknowledged: its runner has been heard of since it was handed the job.
    """

    job_id = models.BigIntegerField(primary_key=True)
    pipeline_id = models.BigIntegerField()
    project = models.ForeignKey(Project, on_delete=models.CASCADE, db_index=False)
    runner = models.ForeignKey(Runner, on_delete=models.CASCADE)
    deadline_at = models.DateTimeField()
    heard_at = models.DateTimeField()
    acknowledged = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(
                fields=["heard_at"],
                name="ci_running_unacknowledged",
                condition=models.Q(acknowledged=False),
            ),
            models.Index(fields=["project"], name="ci_running_by_project"),
            models.Index(fields=["deadline_at"], name="ci_running_by_deadline"),
            models.Index(fields=["heard_at"], name="ci_running_by_silence"),
        ]


class JobTimer(models.Model):
    """A delayed job and when it is to start."""

    job_id = models.BigIntegerField(primary_key=True)
    pipeline_id = models.BigIntegerField()
    due_at = models.DateTimeField(db_index=True)
