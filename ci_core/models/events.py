"""The event log: every change of a status, written in the transaction that made it."""

from __future__ import annotations

from enum import StrEnum

from django.db import models
from django.db.models.expressions import Func, Value

from ci_core.models.choices import choices
from ci_core.models.pipelines import pipeline_reference
from ci_core.models.querysets import InPipelineQuerySet


class EventKind(StrEnum):
    """What changed."""

    PIPELINE = "pipeline"
    STAGE = "stage"
    JOB = "job"


class Event(models.Model):
    """A status that changed. Partitioned.

    Events of one pipeline are written under its lock, so that their ids rise in the order of their commits: a
    reader that keeps the last id it saw of a pipeline misses nothing (ids of different pipelines may commit in any
    order, so no cursor spans pipelines).
    """

    id = models.BigIntegerField(
        primary_key=True, db_default=Func(Value("ci_core_event_seq"), function="nextval")
    )
    pipeline = pipeline_reference("events")
    project_id = models.BigIntegerField()
    kind = models.CharField(max_length=16, choices=choices(EventKind))
    subject_id = models.BigIntegerField(help_text="Id of the pipeline, stage or job.")
    old_status = models.CharField(max_length=32, blank=True)
    status = models.CharField(max_length=32)
    created_at = models.DateTimeField()

    objects = InPipelineQuerySet.as_manager()


class ProjectChange(models.Model):
    """Leads those who follow a whole project to what changed in it; kept for an hour.

    Exactly one of `pipeline_id` and `schedule_id` says what changed; a pipeline's events from `first_event_id` on say
    how. Transactions of different pipelines commit in any order, whatever the ids are that they were given before, so
    a reader keeps no last id here: its cursor is a snapshot, which says of each transaction whether it was visible.
    """

    project_id = models.BigIntegerField()
    pipeline_id = models.BigIntegerField(null=True, blank=True)
    first_event_id = models.BigIntegerField(null=True, blank=True)
    schedule_id = models.BigIntegerField(null=True, blank=True)
    transaction_id = models.BigIntegerField(help_text="PostgreSQL's, with its epoch (xid8).")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    pipeline_id__isnull=False, first_event_id__isnull=False, schedule_id__isnull=True
                )
                | models.Q(pipeline_id__isnull=True, first_event_id__isnull=True, schedule_id__isnull=False),
                name="ci_project_change_of_one",
            )
        ]
        indexes = [
            models.Index(fields=["project_id", "transaction_id"], name="ci_project_change_newest"),
            models.Index(fields=["created_at"], name="ci_project_change_age"),
        ]
