"""Owns handing out: claim a job for a runner, make its payload, and wait for one while there is none.

No job is lost on the way. One whose payload cannot be made fails with the reason in its log, and the next is tried; one
whose runner has gone away by the time it is claimed goes back into the queue.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

import structlog
from asgiref.sync import sync_to_async
from django.db import connection

from ci_core import handout
from ci_core.actions.handback import hand_back
from ci_core.actions.jobs import fail_job
from ci_core.actions.traces import append_trace
from ci_core.errors import CiError, DependencyMissing, JobNotRunning, NotFound
from ci_core.events import bell
from ci_core.events.ringing import QUEUE
from ci_core.models import Job, Runner, RunnerManager
from ci_core.queueing import claim_job
from ci_core.statuses import FailureReason
from runner_api.http import in_thread
from runner_api.wire.job import payload

log = structlog.get_logger("pipeyard.runner_api")

#: Jobs that one request fails, because their payload cannot be made, before it answers that there is none.
MAX_FAILED: Final = 10
#: Requests of one process that look into the queue at the same moment; the others wait for their turn.
AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class Handed:
    """A job that was claimed, and what its runner is told. attempt: which claim of the job this is."""

    job_id: int
    attempt: int
    payload: dict[str, Any]


def take_job(runner_id: int, manager: RunnerManager) -> Handed | None:
    """Claims the next job for a runner, as the runner is now; None when there is none, or it is paused or gone."""
    runner = Runner.objects.filter(pk=runner_id).first()
    if runner is None:
        return None
    for _ in range(MAX_FAILED):
        job = claim_job(runner, manager)
        if job is None:
            return None
        handed = _prepare(job, runner)
        if handed is not None:
            return handed
    return None


def _prepare(job: Job, runner: Runner) -> Handed | None:
    """The claimed job with its payload; None if it cannot be made, and the job has failed."""
    try:
        return Handed(job.pk, job.attempt, payload(handout.prepare(job, runner)))
    except JobNotRunning:
        return None
    except DependencyMissing as error:
        _fail(job, error.message, FailureReason.MISSING_DEPENDENCY_FAILURE)
    except CiError as error:
        _fail(job, error.message)
    except Exception:
        log.exception("job cannot be handed out", job_id=job.pk)
        _fail(job, "The server could not prepare the job; its log tells more.")
    return None


def _fail(job: Job, why: str, reason: FailureReason = FailureReason.RUNNER_SYSTEM_FAILURE) -> None:
    """Fails a job that no runner has seen; its log says why. A job that is over by now is left alone."""
    log.warning("job failed before it began", job_id=job.pk, because=why)
    try:
        append_trace(job, 0, f"ERROR: The job could not be handed to a runner. {why}\n".encode())
        fail_job(job.pk, reason)
    except (JobNotRunning, NotFound) as error:
        log.info("job left alone", job_id=job.pk, because=error.message)


async def next_job(runner_id: int, manager: RunnerManager, hold: float) -> Handed | None:
    """The next job for a runner; waits for one up to `hold` seconds.

    The bell is listened to before the first look, so that no job falls between the two.
    """
    if hold <= 0:
        return await _take(runner_id, manager)
    until = asyncio.get_running_loop().time() + hold
    async with bell.listening(QUEUE) as ringing:
        while True:
            handed = await _take(runner_id, manager)
            left = until - asyncio.get_running_loop().time()
            if handed is not None or left <= 0 or not await ringing.wait(left):
                return handed


async def _take(runner_id: int, manager: RunnerManager) -> Handed | None:
    """`take_job` in a thread. A request that is cancelled before never claims; after, the job goes back."""
    async with _turns():
        taking = asyncio.ensure_future(in_thread(take_job, runner_id, manager))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            returning = asyncio.ensure_future(_give_back(taking))
            _RETURNING.add(returning)
            returning.add_done_callback(_RETURNING.discard)
            await asyncio.shield(returning)
            raise


async def _give_back(taking: asyncio.Future[Handed | None]) -> None:
    """Waits for a claim whose runner has gone away, and undoes it."""
    handed = await taking
    if handed is not None:
        log.info("runner gone before it got its job", job_id=handed.job_id)
        await sync_to_async(_hand_back, thread_sensitive=False)(handed)


def _hand_back(handed: Handed) -> None:
    try:
        hand_back(handed.job_id, handed.attempt)
    finally:
        connection.close()


#: Claims being undone; kept so that none is dropped half-way.
_RETURNING: Final[set[asyncio.Future[None]]] = set()
_TURNS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]] = WeakKeyDictionary()


def _turns() -> asyncio.Semaphore:
    """The turns of this event loop, which bound how many requests a ring of the bell sets off at once."""
    return _TURNS.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
