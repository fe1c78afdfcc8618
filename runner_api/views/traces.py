"""Owns taking in a job's log, piece by piece."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse

from ci_core.actions.jobs import fail_job
from ci_core.actions.runners import heard_of
from ci_core.actions.traces import append_trace
from ci_core.errors import InvalidInput, JobNotRunning, TraceOffsetMismatch, TraceTooLarge
from ci_core.models import Job
from ci_core.statuses import FailureReason
from runner_api import auth, errors
from runner_api.errors import Refused
from runner_api.http import endpoint, read_body
from runner_api.wire import responses
from runner_api.wire.requests import chunk_start

#: Largest piece of a log, bytes; the runner sends no larger ones.
MAX_CHUNK: Final = 1024 * 1024


def _append(request: HttpRequest, job_id: int) -> HttpResponse:
    """202 when the piece is stored; 416 with the bytes stored when it starts elsewhere. Nothing is stored by halves."""
    job = auth.running_job_of(request, job_id)
    steering = responses.steering(job.status)
    try:
        start = chunk_start(request.headers.get("Content-Range", ""))
        size = append_trace(job, start, read_body(request, MAX_CHUNK))
    except TraceOffsetMismatch as error:
        stored = error.fields["size"]
        assert isinstance(stored, int)
        return responses.message(416, error.message, {**steering, **responses.stored(stored)})
    except TraceTooLarge as error:
        raise too_large(job, error) from None
    except InvalidInput as error:
        raise Refused(errors.status_of(error), error.message, steering) from None
    heard_of(job.pk)
    return responses.json(202, {}, {**steering, **responses.stored(size)})


def too_large(job: Job, error: TraceTooLarge) -> Refused:
    """A log beyond the limit ends its job: without it nobody could see what the job did."""
    try:
        job = fail_job(job.pk, FailureReason.TRACE_SIZE_EXCEEDED)
    except JobNotRunning:
        return auth.over(job)
    return Refused(403, error.message, responses.job_status(job.status))


trace = endpoint(PATCH=_append)
