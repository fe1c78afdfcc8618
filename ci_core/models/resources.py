"""Resource groups: at most one job of a group runs at a time, whichever pipeline it is in."""

from __future__ import annotations

from enum import StrEnum

from django.db import models

from ci_core.models.choices import choices, one_of
from ci_core.models.projects import Project


class ProcessMode(StrEnum):
    """Which of the jobs that want a resource gets it next."""

    UNORDERED = "unordered"
    OLDEST_FIRST = "oldest_first"
    NEWEST_FIRST = "newest_first"
    NEWEST_READY_FIRST = "newest_ready_first"


class ResourceGroup(models.Model):
    """What a job's `resource_group` names. `holder_id` is the job that has it; a row can be held by one job only."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="resource_groups", db_index=False
    )
    key = models.CharField(max_length=255)
    process_mode = models.CharField(
        max_length=32, choices=choices(ProcessMode), default=ProcessMode.UNORDERED
    )
    holder_id = models.BigIntegerField(
        null=True, blank=True, unique=True, help_text="Id of the job that has it."
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "key"], name="ci_resource_group_once"),
            one_of(ProcessMode, "process_mode", "ci_resource_group_mode"),
        ]

    def __str__(self) -> str:
        return self.key


class ResourceClaim(models.Model):
    """A job that wants a resource: `ready` once it waits for nothing else.

    There is a row for each job of a group that is created, scheduled or waiting_for_resource; so the next job of a
    group is found without reading finished jobs.
    """

    job_id = models.BigIntegerField(primary_key=True)
    pipeline_id = models.BigIntegerField()
    group = models.ForeignKey(
        ResourceGroup, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="claims"
    )
    ready = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["group", "pipeline_id", "job_id"], name="ci_resource_claim_order"),
            # For the sweeps, which need not look at all groups that ever were: few jobs wait at a time.
            models.Index(fields=["group"], name="ci_resource_claim_ready", condition=models.Q(ready=True)),
        ]
