"""What runs by itself, and how often. Six-field patterns count seconds last."""

from __future__ import annotations

import time
from typing import Final

from procrastinate import JobContext
from procrastinate.contrib.django.models import ProcrastinateJob

from ci_core.actions import (
    artifacts,
    deadlocks,
    deleting,
    downstream,
    firing,
    mirroring,
    redundancy,
    resources,
    signing_in,
    stopping,
    upkeep,
)
from ci_core.tasks.procrastinate import URGENT, blueprint

#: Hours that records of failed tasks are kept.
KEEP_TASKS_HOURS: Final = 24
#: Seconds that the task which fires schedules looks ahead: until its next call.
LOOK_AHEAD: Final = 1.0
#: Tasks of a lost worker that one sweep hands to another.
STALLED_BATCH: Final = 100


@blueprint.periodic(cron="* * * * * *")
@blueprint.task(name="fire_due_schedules", queue=URGENT, queueing_lock="fire_due_schedules")
def fire_due_schedules(timestamp: int) -> None:
    """Every second: pipeline schedules that are due or will be before the next call, which helps while this is busy.

    procrastinate wakes up half a second after the second; what is due at the full minute need not wait for that.
    When many are due together, other workers are asked to help, before that moment.
    """
    wanted = firing.helpers_wanted(LOOK_AHEAD)
    if wanted:
        asked = ProcrastinateJob.objects.filter(task_name=help_to_fire.name, status="todo").count()
        for _ in range(wanted - asked):
            help_to_fire.defer()
    _fire()


@blueprint.task(name="help_to_fire", queue=URGENT)
def help_to_fire() -> None:
    """When many schedules are due together: fires some of them."""
    _fire()


def _fire() -> None:
    """Fires what is due, and what will be within LOOK_AHEAD, on time."""
    firing.fire_due_schedules()
    wait = firing.seconds_to_next(LOOK_AHEAD)
    if wait is not None:
        time.sleep(wait)
        firing.fire_due_schedules()


@blueprint.periodic(cron="41 3 * * *")
@blueprint.task(name="forget_old_runs", queueing_lock="forget_old_runs")
def forget_old_runs(timestamp: int) -> None:
    """Every night: records of schedules' runs that are older than they are kept."""
    firing.forget_old_runs()


@blueprint.periodic(cron="* * * * * */5")
@blueprint.task(name="start_due_jobs", queueing_lock="start_due_jobs")
def start_due_jobs(timestamp: int) -> None:
    """Every 5 seconds: delayed jobs whose timer has run out."""
    upkeep.start_due_jobs()


@blueprint.periodic(cron="* * * * * */15")
@blueprint.task(name="fail_overdue_and_lost_jobs", queueing_lock="fail_overdue_and_lost_jobs")
def fail_overdue_and_lost_jobs(timestamp: int) -> None:
    """Every 15 seconds: jobs that run too long, and jobs whose runner vanished."""
    upkeep.fail_overdue_jobs()
    upkeep.fail_unacknowledged_jobs()
    upkeep.fail_lost_jobs()


@blueprint.periodic(cron="*/5 * * * *")
@blueprint.task(name="fail_stuck_jobs", queueing_lock="fail_stuck_jobs")
def fail_stuck_jobs(timestamp: int) -> None:
    """Every 5 minutes: jobs that no runner may take, and jobs that no runner took for too long."""
    upkeep.fail_jobs_without_runner()
    upkeep.fail_stuck_jobs()


@blueprint.periodic(cron="* * * * * */10")
@blueprint.task(name="hand_over_free_groups", queueing_lock="hand_over_free_groups")
def hand_over_free_groups(timestamp: int) -> None:
    """Every 10 seconds: resource groups that are free although a job waits for them."""
    resources.hand_over_free_groups()


@blueprint.periodic(cron="* * * * * */30")
@blueprint.task(name="break_deadlocks", queueing_lock="break_deadlocks")
def break_deadlocks(timestamp: int) -> None:
    """Every 30 seconds: jobs that wait for each other in a circle by their resource groups."""
    deadlocks.break_deadlocks()


@blueprint.periodic(cron="* * * * *")
@blueprint.task(name="cancel_forgotten_pipelines", queueing_lock="cancel_forgotten_pipelines")
def cancel_forgotten_pipelines(timestamp: int) -> None:
    """Every minute: pipelines that a newer one made redundant whose process died before it cancelled them."""
    redundancy.cancel_forgotten_pipelines()


@blueprint.periodic(cron="* * * * * */20")
@blueprint.task(name="look_after_families", queueing_lock="look_after_families")
def look_after_families(timestamp: int) -> None:
    """Every 20 seconds: trigger jobs whose task was lost, children that their parent's cancellation left over, and
    trigger jobs that have not followed the pipeline which they mirror.
    """
    downstream.start_waiting_bridges()
    downstream.cancel_wanted_children()
    mirroring.follow_moved_pipelines()


@blueprint.periodic(cron="*/5 * * * *")
@blueprint.task(name="resume_deletions", queueing_lock="resume_deletions")
def resume_deletions(timestamp: int) -> None:
    """Every 5 minutes: deletions of pipelines that were interrupted."""
    deleting.resume_deletions()


@blueprint.periodic(cron="43 * * * *")
@blueprint.task(name="fail_archived_pipelines", queueing_lock="fail_archived_pipelines")
def fail_archived_pipelines(timestamp: int) -> None:
    """Every hour: pipelines that are older than the limit and still unfinished."""
    upkeep.fail_archived_pipelines()


@blueprint.periodic(cron="*/10 * * * *")
@blueprint.task(name="remove_expired_artifacts", queueing_lock="remove_expired_artifacts")
def remove_expired_artifacts(timestamp: int) -> None:
    """Every 10 minutes: artifacts whose time has come."""
    artifacts.remove_expired_artifacts()


@blueprint.periodic(cron="* * * * *")
@blueprint.task(name="stop_environments", queueing_lock="stop_environments")
def stop_environments(timestamp: int) -> None:
    """Every minute: environments whose time has come, and those whose stop jobs came to nothing."""
    stopping.stop_due_environments()
    stopping.settle_stopping_environments()


@blueprint.periodic(cron="*/10 * * * *")
@blueprint.task(name="forget_old_tries", queueing_lock="forget_old_tries")
def forget_old_tries(timestamp: int) -> None:
    """Every 10 minutes: counts of tried passwords that are over."""
    signing_in.forget_old_tries()


@blueprint.periodic(cron="* * * * *")
@blueprint.task(name="forget_project_changes", queueing_lock="forget_project_changes")
def forget_project_changes(timestamp: int) -> None:
    """Every minute: changes of projects that nobody can be waiting for any more."""
    upkeep.forget_project_changes()


@blueprint.periodic(cron="*/5 * * * *")
@blueprint.task(
    name="stop_environments_of_deleted_branches", queueing_lock="stop_environments_of_deleted_branches"
)
def stop_environments_of_deleted_branches(timestamp: int) -> None:
    """Every 5 minutes: environments whose branch is gone from its repository."""
    stopping.stop_environments_of_deleted_branches()


@blueprint.periodic(cron="17 * * * *")
@blueprint.task(name="make_partitions", queueing_lock="make_partitions")
def make_partitions(timestamp: int) -> None:
    """Every hour: the partitions that the next pipelines will need."""
    upkeep.make_partitions()


@blueprint.periodic(cron="*/10 * * * *")
@blueprint.task(name="look_after_tasks", queueing_lock="look_after_tasks", pass_context=True)
async def look_after_tasks(context: JobContext, timestamp: int) -> None:
    """Every 10 minutes: hands tasks of lost workers to others, and forgets those that failed long ago.

    procrastinate leaves a lost worker's tasks in the state doing; those that succeed are deleted at once.
    """
    manager = context.app.job_manager
    for job in list(await manager.get_stalled_jobs())[:STALLED_BATCH]:
        await manager.retry_job(job)
    await manager.delete_old_jobs(nb_hours=KEEP_TASKS_HOURS, include_failed=True)
