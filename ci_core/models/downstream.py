"""Pipelines that jobs created or mirror, and the queue of trigger jobs."""

from __future__ import annotations

from django.db import models

from ci_core.decisions.bridges import Strategy
from ci_core.models.choices import choices, one_of
from ci_core.models.pipelines import Pipeline


class DownstreamPipeline(models.Model):
    """The link from a job to the pipeline that it created, which is the primary key.

    The job is a trigger job, which has one link, or one that asked for the pipeline with its job token (`by_token`),
    which may have many. What it names may be deleted before it: only the downstream pipeline takes the link along.
    `root_id` is the pipeline in which the family began. A retry of the job creates pipelines of its own; the old links
    stay.
    """

    pipeline = models.OneToOneField(
        Pipeline, on_delete=models.CASCADE, primary_key=True, related_name="source_link"
    )
    source_pipeline_id = models.BigIntegerField()
    source_job_id = models.BigIntegerField(db_index=True)
    source_project_id = models.BigIntegerField()
    root_id = models.BigIntegerField()
    child = models.BooleanField(help_text="Of the same project, from files that the trigger job includes.")
    strategy = models.CharField(
        max_length=8, blank=True, choices=choices(Strategy), help_text="How the trigger job follows it."
    )
    by_token = models.BooleanField(
        default=False, db_default=False, help_text="The job asked for it with its job token."
    )
    cancel_wanted_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Since when it is to be cancelled because its parent was.",
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            one_of(Strategy, "strategy", "ci_downstream_strategy"),
            models.UniqueConstraint(
                fields=["source_job_id"],
                condition=models.Q(by_token=False),
                name="ci_downstream_of_bridge_once",
            ),
        ]
        indexes = [
            models.Index(fields=["source_pipeline_id"], name="ci_downstream_by_source"),
            models.Index(fields=["root_id"], name="ci_downstream_by_root"),
            models.Index(
                fields=["cancel_wanted_since"],
                name="ci_downstream_to_cancel",
                condition=models.Q(cancel_wanted_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.source_pipeline_id} to #{self.pk}"


class MirroredPipeline(models.Model):
    """The link from a trigger job with `needs:pipeline` alone to the pipeline that it mirrors; stays when that is gone.

    following: until the job is over. moved_since: since when the job may lack the status that the pipeline has.
    """

    job_id = models.BigIntegerField(primary_key=True)
    pipeline_id = models.BigIntegerField(help_text="The job's own.")
    mirrored_id = models.BigIntegerField()
    following = models.BooleanField(default=True)
    moved_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["mirrored_id"], name="ci_mirrored_followed", condition=models.Q(following=True)
            ),
            models.Index(
                fields=["pipeline_id"], name="ci_mirrored_following", condition=models.Q(following=True)
            ),
            models.Index(
                fields=["moved_since"],
                name="ci_mirrored_moved",
                condition=models.Q(moved_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"job #{self.job_id} to #{self.mirrored_id}"


class PendingBridge(models.Model):
    """A trigger job that is pending: its downstream pipeline is about to be created."""

    job_id = models.BigIntegerField(primary_key=True)
    pipeline_id = models.BigIntegerField()
    queued_at = models.DateTimeField(db_index=True)


class BridgeMessage(models.Model):
    """Why a trigger job could not create its pipeline, in words."""

    job_id = models.BigIntegerField(primary_key=True)
    content = models.TextField()
