"""Schedules run: on time, once, with their owner's rights, and on record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from ci_core import handout
from ci_core.actions import firing
from ci_core.actions.firing import fire_due_schedules, forget_old_runs, play_schedule
from ci_core.actions.schedules import InputChange, VariableChange, delete_schedule
from ci_core.errors import CiError, PipelineFiltered, PlayedTooOften
from ci_core.models import (
    Job,
    Pipeline,
    PipelineSchedule,
    PipelineVariable,
    ProjectMembership,
    ScheduleRun,
    User,
)
from ci_core.queueing import claim_job
from ci_core.statuses import AccessLevel
from ci_core.tasks import periods
from tests.domain.test_schedules import NOW, schedule
from tests.factories import member, project_with, runner_with_token

pytestmark = pytest.mark.django_db
At = Callable[[datetime], None]
DUE = datetime(2026, 5, 14, 3, tzinfo=UTC)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> At:
    """Sets the time."""

    def set_time(moment: datetime) -> None:
        monkeypatch.setattr("ci_core.clock.now", lambda: moment)

    set_time(NOW)
    return set_time


def last_run(made: PipelineSchedule) -> ScheduleRun:
    made.refresh_from_db()
    run = ScheduleRun.objects.filter(schedule=made).order_by("-pk").first()
    assert run is not None
    return run


def test_others_are_asked_to_help_when_many_are_due_together(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> int:
        return ProcrastinateJob.objects.filter(task_name="ci:help_to_fire", queue_name="urgent").count()

    monkeypatch.setattr(firing, "PER_HELPER", 1)
    project = project_with("a: {script: x}")
    owner = member(project)
    for _ in range(5):
        schedule(project=project, owner=owner)
    periods.fire_due_schedules(timestamp=0)
    assert asked() == 0
    at(DUE)
    periods.fire_due_schedules(timestamp=0)
    assert asked() == firing.MOST_HELPERS
    assert ScheduleRun.objects.count() == 5
    at(DUE + timedelta(days=1))
    periods.fire_due_schedules(timestamp=0)
    assert asked() == firing.MOST_HELPERS
    periods.help_to_fire()
    assert ScheduleRun.objects.count() == 10


def test_nothing_fires_before_it_is_due(at: At) -> None:
    schedule()
    at(DUE - timedelta(milliseconds=1))
    assert fire_due_schedules() == 0
    assert not ScheduleRun.objects.exists()


def test_a_due_schedule_creates_a_pipeline_as_its_owner(at: At) -> None:
    made = schedule(variables=[VariableChange("A", "1", raw=True)])
    at(DUE + timedelta(milliseconds=640))
    assert fire_due_schedules() == 1
    run = last_run(made)
    pipeline = Pipeline.objects.get()
    assert (pipeline.source, pipeline.user, pipeline.ref) == ("schedule", made.owner, "main")
    assert (run.pipeline_id, run.kind, run.user) == (pipeline.pk, "due", made.owner)
    assert (run.due_at, run.lateness_ms, run.missed, run.error) == (DUE, 640, 0, "")
    assert made.last_pipeline_id == pipeline.pk
    assert made.next_run_at == DUE + timedelta(days=1)
    variable = PipelineVariable.objects.in_pipeline(pipeline.pk).get()
    assert (variable.key, variable.value, variable.raw) == ("A", "1", True)
    assert fire_due_schedules() == 0


def test_its_jobs_know_the_schedule(at: At) -> None:
    made = schedule(description="nightly build")
    at(DUE)
    fire_due_schedules()
    runner, _ = runner_with_token()
    job = claim_job(runner)
    assert job is not None
    variables = {item.key: item.value for item in handout.prepare(job, runner).variables}
    assert variables["CI_PIPELINE_SCHEDULE_DESCRIPTION"] == made.description == "nightly build"
    assert variables["CI_PIPELINE_SOURCE"] == "schedule"


def test_after_downtime_it_fires_once(at: At) -> None:
    made = schedule(cron="*/10 * * * *")
    at(NOW + timedelta(hours=2, seconds=5))
    assert fire_due_schedules() == 1
    run = last_run(made)
    assert run.due_at == datetime(2026, 5, 13, 10, 10, tzinfo=UTC)
    assert run.lateness_ms == (117 * 60 + 5) * 1000
    assert run.missed == 11  # 10:20 to 12:00
    assert made.next_run_at == datetime(2026, 5, 13, 12, 10, tzinfo=UTC)
    assert Pipeline.objects.count() == 1


def test_missed_slots_are_counted_up_to_a_bound(at: At) -> None:
    made = schedule(cron="* * * * *")
    at(NOW + timedelta(days=400))
    fire_due_schedules()
    assert last_run(made).missed == firing.COUNTED_SLOTS


def test_the_longest_due_is_first(at: At) -> None:
    later, earlier = schedule(cron="0 5 * * *"), schedule(cron="0 4 * * *")
    at(DUE + timedelta(hours=3))
    assert fire_due_schedules() == 2
    assert list(ScheduleRun.objects.order_by("pk").values_list("schedule_id", flat=True)) == [
        earlier.pk,
        later.pk,
    ]


def lose_role(owner: User) -> None:
    ProjectMembership.objects.all().update(access_level=AccessLevel.REPORTER)


def be_blocked(owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_active=False)


def be_deleted(owner: User) -> None:
    owner.delete()


@pytest.mark.parametrize(
    ("lose", "reason"),
    [(lose_role, "the Developer role"), (be_blocked, "is blocked"), (be_deleted, "account is gone")],
)
def test_an_owner_without_rights_stops_the_schedule(
    at: At, lose: Callable[[User], None], reason: str
) -> None:
    made = schedule()
    assert made.owner is not None
    lose(made.owner)
    at(DUE)
    assert fire_due_schedules() == 1
    run = last_run(made)
    assert (made.active, made.next_run_at) == (False, None)
    assert reason in made.deactivated_reason
    assert (run.error, run.error_code, run.pipeline_id) == (
        made.deactivated_reason,
        "schedule_deactivated",
        None,
    )
    assert not Pipeline.objects.exists()
    assert fire_due_schedules() == 0


def test_an_error_is_on_record_and_the_schedule_goes_on(at: At) -> None:
    made = schedule(project_with("a: {script: x, rules: [{if: $CI_COMMIT_TAG}]}"))
    at(DUE)
    fire_due_schedules()
    run = last_run(made)
    assert run.error_code == "pipeline_filtered"
    assert run.error
    assert made.active
    assert made.next_run_at == DUE + timedelta(days=1)


def test_a_wrong_configuration_is_a_failed_pipeline(at: At) -> None:
    made = schedule(project_with("a: {skript: x}"))
    at(DUE)
    fire_due_schedules()
    assert last_run(made).pipeline_id == Pipeline.objects.get(status="failed").pk


def test_a_failure_of_the_server_stops_no_other_schedule(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = schedule(), schedule()
    create = firing.create_pipeline

    def broken(project: Any, *args: Any, **named: Any) -> Pipeline:
        if project == first.project:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1/0")
        return create(project, *args, **named)

    monkeypatch.setattr(firing, "create_pipeline", broken)
    at(DUE)
    assert fire_due_schedules() == 2
    run = last_run(first)
    assert (run.error, run.error_code) == ("The server failed; its log has the details.", "internal_error")
    assert last_run(second).pipeline_id is not None


def test_a_stored_pattern_that_became_unusable_stops_the_schedule(at: At, settings: Any) -> None:
    made = schedule(cron="* * * * *")
    settings.PIPEYARD_SCHEDULE_MIN_INTERVAL_SECONDS = 600
    at(DUE)
    fire_due_schedules()
    assert "at least 10 min must lie between" in last_run(made).error
    assert made.active is False


def test_playing_uses_the_rights_of_whoever_plays(at: At) -> None:
    made = schedule(active=False)
    player = member(made.project)
    pipeline = play_schedule(made.pk, acting_user=player)
    run = last_run(made)
    assert (pipeline.source, pipeline.user) == ("schedule", player)
    assert (run.kind, run.pipeline_id, run.user, run.lateness_ms) == ("played", pipeline.pk, player, 0)
    assert (made.last_pipeline_id, made.active) == (pipeline.pk, False)
    at(NOW + timedelta(seconds=20))
    with pytest.raises(PlayedTooOften, match=r"20 s ago; .* try again in 40 s"):
        play_schedule(made.pk, acting_user=player)
    at(NOW + timedelta(seconds=60))
    play_schedule(made.pk, acting_user=player)
    assert Pipeline.objects.count() == 2


def test_a_play_that_makes_no_pipeline_says_why_and_is_on_record(at: At) -> None:
    made = schedule(project_with("a: {script: x, rules: [{if: $CI_COMMIT_TAG}]}"))
    with pytest.raises(PipelineFiltered):
        play_schedule(made.pk, acting_user=member(made.project))
    assert last_run(made).error_code == "pipeline_filtered"


def test_a_play_that_breaks_the_server_is_an_error(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    made = schedule()
    monkeypatch.setattr(firing, "create_pipeline", lambda *args, **named: 1 / 0)
    with pytest.raises(CiError, match="The server failed"):
        play_schedule(made.pk, acting_user=member(made.project))


def test_the_task_waits_for_what_is_due_before_its_next_call(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    made = schedule()
    assert firing.seconds_to_next(1.0) is None
    at(DUE - timedelta(milliseconds=500))
    assert firing.seconds_to_next(1.0) == 0.5
    monkeypatch.setattr("time.sleep", lambda seconds: at(DUE - timedelta(seconds=0.5 - seconds)))
    periods.fire_due_schedules(timestamp=0)
    assert last_run(made).lateness_ms == 0
    at(NOW)
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("nothing is due"))
    periods.fire_due_schedules(timestamp=0)


def test_old_runs_are_forgotten(at: At) -> None:
    made = schedule()
    at(DUE)
    fire_due_schedules()
    at(DUE + timedelta(days=89))
    fire_due_schedules()
    at(DUE + timedelta(days=91))
    assert forget_old_runs() == 1
    assert ScheduleRun.objects.filter(schedule=made).count() == 1
    delete_schedule(made.pk)
    assert Pipeline.objects.count() == 2
    assert not ScheduleRun.objects.exists()


def test_looking_for_due_schedules_reads_the_index_of_those(at: At) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT * FROM ci_core_pipelineschedule WHERE next_run_at <= now() ORDER BY next_run_at, id LIMIT 1"
        )
        assert "ci_schedule_due" in "\n".join(row[0] for row in cursor.fetchall())


def test_its_inputs_and_description_reach_the_configuration(at: At) -> None:
    text = (
        "spec: {inputs: {level: {default: 1, type: number}}}\n---\n"
        'level-$[[ inputs.level ]]: {script: x, rules: [{if: $CI_PIPELINE_SCHEDULE_DESCRIPTION == "nightly"}]}'
    )
    made = schedule(project_with(text), inputs=[InputChange("level", 7)])
    at(DUE)
    fire_due_schedules()
    run = last_run(made)
    assert run.error == ""
    assert Job.objects.in_pipeline(run.pipeline_id).get().name == "level-7"


def test_inputs_that_the_configuration_does_not_know(at: At) -> None:
    made = schedule(inputs=[InputChange("nonsense", 7)])
    at(DUE)
    fire_due_schedules()
    run = last_run(made)
    pipeline = Pipeline.objects.get(pk=run.pipeline_id)
    assert pipeline.status == "failed"
    assert [error["code"] for error in pipeline.config_errors] == ["inputs"]
