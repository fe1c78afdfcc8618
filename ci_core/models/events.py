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
