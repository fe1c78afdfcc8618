"""Owns a job's way to a runner and back: the poll, the sign of life, the final report."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from ci_core import clock
from ci_core.actions.jobs import fail_job, succeed_job
from ci_core.actions.runners import heard_of, touch_runner
from ci_core.actions.traces import append_trace, confirm_trace
from ci_core.errors import JobNotRunning, TraceOffsetMismatch, TraceTooLarge
from ci_core.models import Job, Runner, RunnerManager
from ci_core.statuses import ON_RUNNER, Status
from runner_api import auth
from runner_api.http import client_ip, endpoint, in_thread, read_fields
from runner_api.polling import next_job
from runner_api.views.traces import too_large
from runner_api.wire import responses
from runner_api.wire.fields import Fields
from runner_api.wire.requests import Caller, JobReport


async def _request_job(request: HttpRequest) -> HttpResponse:
    """201 with a job, or 204.

    Held open only for a runner that has been told how the queue stands (it sends `last_update`): one that comes for the
    first time, or keeps no such state, is answered at once.
    """
    fields = read_fields(request)
    runner, manager = await in_thread(_caller, request, fields)
    held = bool(fields.text("last_update")) and not runner.paused
    marker = f"{clock.now().timestamp():.6f}"
    handed = await next_job(runner.pk, manager, settings.PIPEYARD_LONG_POLL_SECONDS if held else 0)
    if handed is None:
        return responses.nothing(responses.queue_seen(marker))
    return responses.json(201, handed.payload, responses.queue_seen(marker))


def _caller(request: HttpRequest, fields: Fields) -> tuple[Runner, RunnerManager]:
    runner = auth.runner_of(request, fields)
    caller = Caller.of(fields)
    return runner, touch_runner(runner, caller.system_id, caller.info, client_ip(request))


def _update_job(request: HttpRequest, job_id: int) -> HttpResponse:
    """Takes a report. The same final report may come again, since its answer may have been lost."""
    fields = read_fields(request)
    job = auth.job_of(request, job_id, fields)
    report = JobReport.of(fields)
    if job.status not in ON_RUNNER:
        if report.state is not None and report.state == job.status:
            return responses.json(200, {}, responses.steering(job.status))
        raise auth.over(job)
    heard_of(job.pk)
    if report.trace is not None:
        _append_rest(job, report.trace)
    if report.state is None:
        return responses.json(200, {}, responses.steering(job.status))
    if not confirm_trace(job, report.size, report.checksum):
        text = "The log that is stored differs from what was sent: send it again."
        return responses.message(412, text, responses.steering(job.status))
    try:
        if report.state == Status.SUCCESS:
            job = succeed_job(job.pk)
        else:
            job = fail_job(job.pk, report.reason, exit_code=report.exit_code)
    except JobNotRunning:
        raise auth.over(job) from None
    return responses.json(200, {}, responses.steering(job.status))


def _append_rest(job: Job, trace: bytes) -> None:
    """Stores what is missing of a log that came whole; one that does not go on where ours ends is not used."""
    try:
        try:
            append_trace(job, 0, trace)
        except TraceOffsetMismatch as error:
            size = error.fields["size"]
            if isinstance(size, int) and size < len(trace):
                append_trace(job, size, trace[size:])
    except TraceTooLarge as error:
        raise too_large(job, error) from None


request_job = endpoint(POST=_request_job)
job = endpoint(PUT=_update_job)
