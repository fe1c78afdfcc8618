"""Appends to job logs."""

from __future__ import annotations

import zlib
from typing import Final

import structlog
from django.conf import settings
from django.db import connection, transaction

from ci_core import clock
from ci_core.errors import TraceOffsetMismatch, TraceTooLarge
from ci_core.models import Job, Trace, TraceChunk

log = structlog.get_logger("pipeyard.traces")

#: Data of the first chunk of a log that its runner was asked to send again.
RESENT: Final = b""

_APPEND: Final = """
WITH grown AS (
    UPDATE ci_core_trace SET size = size + %(length)s, checksum = %(checksum)s, updated_at = %(now)s
    WHERE pipeline_id = %(pipeline_id)s AND id = %(job_id)s AND size = %(start)s
    RETURNING pipeline_id, id, size
), stored AS (
    INSERT INTO ci_core_tracechunk (pipeline_id, job_id, start, data)
    SELECT pipeline_id, id, %(start)s, %(data)s FROM grown
)
SELECT size FROM grown
"""


def append_trace(job: Job, start: int, data: bytes) -> int:
    """Appends a chunk that starts at byte `start` to a job's log; returns the bytes stored afterwards.

    Raises TraceOffsetMismatch, with the bytes stored as its field `size`, when the log ends elsewhere (the chunk was
    sent before, or one before it was lost), and TraceTooLarge. Nothing is stored then.
    """
    with transaction.atomic():
        trace = stored_trace(job)
        if trace.size != start:
            raise TraceOffsetMismatch(
                f"The log of {job.name} has {trace.size} bytes; the chunk starts at {start}.", size=trace.size
            )
        if not data:
            return start
        if start + len(data) > settings.PIPEYARD_TRACE_LIMIT:
            limit = settings.PIPEYARD_TRACE_LIMIT
            raise TraceTooLarge(
                f"The log of {job.name} would have more than {limit} bytes, the limit of this server."
            )
        with connection.cursor() as cursor:
            cursor.execute(
                _APPEND,
                {
                    "length": len(data),
                    "checksum": zlib.crc32(data, trace.checksum),
                    "now": clock.now(),
                    "pipeline_id": job.pipeline_id,
                    "job_id": job.pk,
                    "start": start,
                    "data": data,
                },
            )
            (size,) = cursor.fetchone()
    return int(size)


def confirm_trace(job: Job, size: int, checksum: int | None) -> bool:
    """Compares the stored log with what its runner says it sent (bytes, CRC-32; None: it does not say).

    False: something is missing or differs. The stored log is dropped then, and the runner is to send all of it again.
    That happens once: a log that was sent anew is taken as it is, or a runner that cannot count would never finish.
    """
    if size == 0 and checksum is None:
        return True
    with transaction.atomic():
        trace = stored_trace(job)
        if trace.size >= size and checksum in (None, trace.checksum):
            return True
        chunks = TraceChunk.objects.of_jobs([job.pk])
        if chunks.filter(start=0, data=RESENT).exists():
            log.warning("log differs from what its runner sent", job_id=job.pk, stored=trace.size, sent=size)
            return True
        chunks.delete()
        chunks.create(pipeline_id=job.pipeline_id, job_id=job.pk, start=0, data=RESENT)
        Trace.objects.by_ids([job.pk]).update(size=0, checksum=0, updated_at=clock.now())
    return False


def stored_trace(job: Job) -> Trace:
    """The job's trace row, locked until the transaction ends; made when there is none yet."""
    rows = Trace.objects.select_for_update().in_pipeline(job.pipeline_id)
    trace = rows.filter(pk=job.pk).first()
    if trace is None:
        Trace.objects.bulk_create(
            [Trace(id=job.pk, pipeline_id=job.pipeline_id, updated_at=clock.now())], ignore_conflicts=True
        )
        trace = rows.get(pk=job.pk)
    return trace  # type: ignore[no-any-return]
