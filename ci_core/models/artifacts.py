"""Files that jobs leave behind."""

from __future__ import annotations

from enum import StrEnum

from django.db import models

from ci_core.models.choices import choices
from ci_core.models.jobs import Job
from ci_core.models.pipelines import pipeline_reference
from ci_core.models.projects import Project
from ci_core.models.querysets import ArtifactQuerySet


class ArtifactFormat(StrEnum):
    """How an artifact file is packed."""

    ZIP = "zip"
    GZIP = "gzip"
    RAW = "raw"
    ZIPZSTD = "zipzstd"
    TARZSTD = "tarzstd"


class Artifact(models.Model):
    """One uploaded file of a job. Partitioned; `id = job.id << 10 | n`; one per job and file type."""

    id = models.BigIntegerField(primary_key=True)
    pipeline = pipeline_reference("artifacts")
    job = models.ForeignKey(
        Job, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="artifacts"
    )
    project = models.ForeignKey(Project, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    file_type = models.CharField(max_length=64)
    file_format = models.CharField(max_length=16, choices=choices(ArtifactFormat))
    filename = models.CharField(max_length=255)
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    blob = models.CharField(max_length=255, help_text="Key in the artifact storage.")
    created_at = models.DateTimeField()
    expire_at = models.DateTimeField(null=True, blank=True)

    objects = ArtifactQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["expire_at"], name="ci_artifact_expiry")]

    def __str__(self) -> str:
        return self.filename
