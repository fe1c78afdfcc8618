"""The table of arrows agrees with the words and the database."""

from __future__ import annotations

import pytest

from ci_core.decisions import transitions
from ci_core.decisions.transitions import Event, final_event
from ci_core.models import Job, Pipeline, Stage
from ci_core.statuses import ACTIVE, ALIVE, BLOCKED, CANCELABLE, COMPLETED, STOPPED, Status


def test_every_status_is_reached_and_none_from_itself() -> None:
    assert {transitions.target(event) for event in Event} == set(Status)
    for event in Event:
        if event not in (Event.PREPARE, Event.WAIT_FOR_RESOURCE, Event.WAIT_FOR_CALLBACK):
            assert transitions.target(event) not in transitions.sources(event), event


def test_a_finished_job_never_moves_except_when_it_was_skipped_or_its_pipeline_runs_again() -> None:
    for event in set(Event) - {Event.RESUME}:
        moved = transitions.sources(event) & COMPLETED
        assert moved <= {Status.SKIPPED}, event


def test_groups_of_statuses() -> None:
    assert COMPLETED | BLOCKED == STOPPED
    assert set(Status) == STOPPED | ALIVE
    assert not STOPPED & ALIVE
    assert {Status.PENDING, Status.RUNNING} <= ACTIVE
    assert Status.MANUAL not in CANCELABLE
    assert Status.CANCELING not in CANCELABLE


@pytest.mark.parametrize("model", [Job, Stage, Pipeline])
def test_the_database_allows_exactly_the_statuses(model: type[Job] | type[Stage] | type[Pipeline]) -> None:
    (constraint,) = [each for each in model._meta.constraints if each.name.endswith("_status")]
    assert set(constraint.condition.children[0][1]) == {status.value for status in Status}


@pytest.mark.parametrize("event", [Event.SUCCESS, Event.DROP])
def test_a_report_on_a_job_that_is_canceling_means_that_it_has_stopped(event: Event) -> None:
    assert final_event(event, Status.CANCELING) == Event.CANCEL
    assert final_event(event, Status.RUNNING) == event
