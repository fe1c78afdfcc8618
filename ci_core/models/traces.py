"""Job logs: their size, and the chunks in which runners sent them."""

from __future__ import annotations

from django.db import models
from django.db.models.expressions import Func, Value

from ci_core.models.pipelines import pipeline_reference
from ci_core.models.querysets import InPipelineQuerySet


class Trace(models.Model):
    """How much of a job's log is stored. Partitioned; the id is the job's."""

    id = models.BigIntegerField(primary_key=True)
    pipeline = pipeline_reference("traces")
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes stored so far.")
    checksum = models.PositiveBigIntegerField(default=0, help_text="CRC-32 of those bytes.")
    updated_at = models.DateTimeField()

    objects = InPipelineQuerySet.as_manager()


class TraceChunk(models.Model):
    """A piece of a job's log. Partitioned."""

    id = models.BigIntegerField(
        primary_key=True, db_default=Func(Value("ci_core_tracechunk_seq"), function="nextval")
    )
    pipeline = pipeline_reference("trace_chunks")
    job_id = models.BigIntegerField()
    start = models.PositiveBigIntegerField(help_text="Offset of its first byte.")
    data = models.BinaryField()

    objects = InPipelineQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["pipeline", "job_id", "start"], name="ci_trace_chunk_order")]
