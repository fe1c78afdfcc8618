"""Workers, people and schedules at once: no slot fires twice, none is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from ci_core import clock
from ci_core.actions.firing import fire_due_schedules, play_schedule
from ci_core.actions.schedules import create_schedule, delete_schedule, update_schedule
from ci_core.errors import PlayedTooOften, ScheduleLimitReached
from ci_core.models import Pipeline, PipelineSchedule, ScheduleRun
from tests.factories import member, project_with
from tests.support.race import at_once, while_open

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def due_schedule() -> PipelineSchedule:
    project = project_with("a: {script: x}")
    made = create_schedule(
        project, acting_user=member(project), description="d", ref="main", cron="0 0 1 1 *"
    )
    PipelineSchedule.objects.filter(pk=made.pk).update(next_run_at=clock.now() - timedelta(seconds=1))
    return made


def test_two_workers_on_one_due_schedule_fire_it_once() -> None:
    for _ in range(5):
        made = due_schedule()
        results = at_once([fire_due_schedules, fire_due_schedules, fire_due_schedules])
        assert sorted(results) == [0, 0, 1]
        assert Pipeline.objects.filter(project=made.project).count() == 1
        assert ScheduleRun.objects.filter(schedule=made).count() == 1


def test_several_workers_share_many_due_schedules() -> None:
    made = [due_schedule() for _ in range(24)]
    results = at_once([fire_due_schedules] * 4)
    assert sum(results) == len(made), results
    runs = ScheduleRun.objects.values_list("schedule_id", flat=True)
    assert sorted(runs) == sorted(schedule.pk for schedule in made)


def test_a_worker_passes_over_a_schedule_that_another_holds() -> None:
    due_schedule()
    first, second = while_open(fire_due_schedules, fire_due_schedules)
    assert (first, second) == (1, 0)
    assert Pipeline.objects.count() == 1


def test_a_worker_that_dies_leaves_the_schedule_due() -> None:
    made = due_schedule()
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        assert fire_due_schedules() == 1
        raise KeyboardInterrupt
    assert not Pipeline.objects.exists()
    assert fire_due_schedules() == 1
    assert ScheduleRun.objects.filter(schedule=made).count() == 1


def test_stopping_or_deleting_a_schedule_while_it_fires() -> None:
    for change in (lambda pk: update_schedule(pk, active=False), delete_schedule):
        made = due_schedule()
        results = at_once([fire_due_schedules, lambda: change(made.pk)])  # noqa: B023
        assert not any(isinstance(result, Exception) for result in results), results
        left = PipelineSchedule.objects.filter(pk=made.pk).first()
        assert left is None or (left.active, left.next_run_at) == (False, None)


def test_two_plays_make_one_pipeline() -> None:
    made = due_schedule()
    player = member(made.project)
    results = at_once([lambda: play_schedule(made.pk, acting_user=player)] * 3)
    assert sum(isinstance(result, PlayedTooOften) for result in results) == 2
    assert Pipeline.objects.count() == 1


def test_the_limit_holds_when_two_create_at_once(settings: object) -> None:
    settings.PIPEYARD_SCHEDULES_PER_PROJECT = 2  # type: ignore[attr-defined]
    project = due_schedule().project
    owner = member(project)

    def create() -> object:
        return create_schedule(project, acting_user=owner, description="d", ref="main", cron="@daily")

    results = at_once([create] * 3)
    assert sum(isinstance(result, ScheduleLimitReached) for result in results) == 2
    assert PipelineSchedule.objects.filter(project=project).count() == 2
