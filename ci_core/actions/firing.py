"""Makes schedules run: those that are due, once each whoever looks, and those that somebody plays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Random

from ci_core import clock
from ci_core.actions.pipelines import create_pipeline
from ci_core.actions.schedules import deactivate, lock_schedule, next_due, rights_lost
from ci_core.decisions import cron as crons
from ci_core.errors import CiError, InvalidInput, PlayedTooOften
from ci_core.events.notes import note_schedule
from ci_core.models import Pipeline, PipelineSchedule, ScheduleRun, ScheduleRunKind, User
from ci_core.statuses import PipelineSource
from ci_core.variables.given import GivenVariable

log = structlog.get_logger("pipeyard.schedules")

#: Schedules that one call fires.
BATCH: Final = 500
#: Schedules due together for each of which there should be one who fires them.
PER_HELPER: Final = 15
#: Most of those who are asked to help whoever looks first.
MOST_HELPERS: Final = 3
#: Slots that are counted when some were missed.
COUNTED_SLOTS: Final = 1000
#: Seconds between two plays of a schedule (https://docs.gitlab.com/ci/pipelines/schedules/#run-manually).
PLAY_EVERY: Final = 60
#: Records of runs that one sweep forgets.
FORGET_BATCH: Final = 5000


def fire_due_schedules() -> int:
    """Fires the schedules that are due, the longest due first, each in its own transaction; returns how many.

    Any number of workers may do this at once: a due schedule is claimed with its row, and others pass it over.
    """
    fired = 0
    while fired < BATCH and _fire_next():
        fired += 1
    return fired


def seconds_to_next(horizon: float) -> float | None:
    """Seconds until the next schedule is due; None when that is more than `horizon` away."""
    now = clock.now()
    due = (
        PipelineSchedule.objects.filter(next_run_at__lte=now + timedelta(seconds=horizon))
        .order_by("next_run_at")
        .values_list("next_run_at", flat=True)
        .first()
    )
    return None if due is None else max(0.0, (due - now).total_seconds())


def helpers_wanted(horizon: float) -> int:
    """How many others should fire schedules too, for all that are due within `horizon` seconds."""
    due = PipelineSchedule.objects.filter(next_run_at__lte=clock.now() + timedelta(seconds=horizon))
    return due[: PER_HELPER * MOST_HELPERS].count() // PER_HELPER


@transaction.atomic
def _fire_next() -> bool:
    """Fires one due schedule; False when none is left.

    Claim, pipeline, record and next time are one transaction: a worker that dies on the way leaves the schedule due.
    """
    now = clock.now()
    schedule = (
        PipelineSchedule.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
        .select_related("project", "owner")
        .filter(next_run_at__lte=now)
        # By chance among those due together: pipelines of one project wait for each other's iid, so workers spread.
        .order_by("next_run_at", Random())
        .first()
    )
    if schedule is None or schedule.next_run_at is None:
        return False
    run = ScheduleRun(
        schedule=schedule,
        kind=ScheduleRunKind.DUE.value,
        due_at=schedule.next_run_at,
        started_at=now,
        lateness_ms=max(0, round((now - schedule.next_run_at) / timedelta(milliseconds=1))),
        user=schedule.owner,
    )
    lost = _set_next(schedule, run, now) or rights_lost(schedule)
    if lost:
        deactivate(schedule, lost)
        run.error, run.error_code = lost, "schedule_deactivated"
    else:
        _create(schedule, run, schedule.owner)
    _store(schedule, run)
    return True


def _set_next(schedule: PipelineSchedule, run: ScheduleRun, now: datetime) -> str:
    """Moves the schedule on to its next time after now: slots that passed meanwhile are counted, not made up for.

    Returns why there is no next time; empty when there is one.
    """
    try:
        schedule.next_run_at = next_due(schedule, now)
    except (InvalidInput, crons.CronError) as error:
        return str(error)
    cron, zone = crons.parse(schedule.cron), crons.time_zone(schedule.cron_timezone)
    slot = crons.next_run(cron, zone, run.due_at)
    while slot <= now and run.missed < COUNTED_SLOTS:
        run.missed += 1
        slot = crons.next_run(cron, zone, slot)
    return ""


def _create(schedule: PipelineSchedule, run: ScheduleRun, user: User | None) -> Pipeline | CiError:
    """Creates the pipeline and notes it on the run, or why there is none; returns it, or the error."""
    variables = [
        GivenVariable(variable.key, variable.value, variable.variable_type, variable.raw)
        for variable in schedule.variables.order_by("pk")
    ]
    try:
        with transaction.atomic():
            pipeline = create_pipeline(
                schedule.project,
                schedule.ref,
                PipelineSource.SCHEDULE,
                acting_user=user,
                variables=variables,
                inputs=schedule.inputs,
                schedule=schedule.description,
            )
    except CiError as error:
        run.error, run.error_code = error.message, error.code
        return error
    except Exception:
        # Whatever it is, the other schedules must not wait for it, and this one must not fire again and again.
        log.exception("schedule failed", schedule_id=schedule.pk)
        run.error, run.error_code = "The server failed; its log has the details.", "internal_error"
        return CiError(run.error)
    run.pipeline_id = schedule.last_pipeline_id = pipeline.pk
    return pipeline


def _store(schedule: PipelineSchedule, run: ScheduleRun) -> None:
    run.finished_at = clock.now()
    run.save(force_insert=True)
    schedule.save(update_fields=["next_run_at", "last_pipeline_id"])
    note_schedule(schedule)
    log.info(
        "schedule ran",
        schedule_id=schedule.pk,
        kind=run.kind,
        lateness_ms=run.lateness_ms,
        pipeline_id=run.pipeline_id,
        because=run.error,
    )


def play_schedule(schedule_id: int, *, acting_user: User) -> Pipeline:
    """Runs a schedule now, with the rights of whoever plays it, whether it is active or not.

    https://docs.gitlab.com/ci/pipelines/schedules/#run-manually. Raises NotFound, PlayedTooOften, and what
    `create_pipeline` raises; that is on record then too.
    """
    with transaction.atomic():
        schedule = lock_schedule(schedule_id)
        now = clock.now()
        _refuse_too_often(schedule, now)
        run = ScheduleRun(
            schedule=schedule,
            kind=ScheduleRunKind.PLAYED.value,
            due_at=now,
            started_at=now,
            lateness_ms=0,
            user=acting_user,
        )
        made = _create(schedule, run, acting_user)
        _store(schedule, run)
    if isinstance(made, CiError):
        raise made
    return made


def _refuse_too_often(schedule: PipelineSchedule, now: datetime) -> None:
    played = (
        ScheduleRun.objects.filter(schedule=schedule, kind=ScheduleRunKind.PLAYED.value)
        .order_by("-pk")
        .first()
    )
    if played is None:
        return
    wait = PLAY_EVERY - (now - played.started_at).total_seconds()
    if wait > 0:
        raise PlayedTooOften(
            f"The schedule was played {PLAY_EVERY - wait:.0f} s ago; it can be played once a minute: "
            f"try again in {max(1, round(wait))} s."
        )


def forget_old_runs() -> int:
    """Deletes records of runs that are older than PIPEYARD_SCHEDULE_RUNS_KEPT_DAYS, in a bounded sweep."""
    before = clock.now() - timedelta(days=settings.PIPEYARD_SCHEDULE_RUNS_KEPT_DAYS)
    old = ScheduleRun.objects.filter(started_at__lt=before).order_by("started_at").values("pk")[:FORGET_BATCH]
    deleted, _ = ScheduleRun.objects.filter(pk__in=old).delete()
    return deleted
