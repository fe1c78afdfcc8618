"""What trigger jobs take from their downstream pipelines."""

from __future__ import annotations

import pytest

from ci_core.decisions.bridges import Strategy, inherited, steps
from ci_core.decisions.transitions import Event, sources, target
from ci_core.statuses import COMPLETED, Status

ALIVE = sorted(set(Status) - COMPLETED - {Status.MANUAL, Status.CREATED})


@pytest.mark.parametrize(
    ("downstream", "depend", "mirror"),
    [
        (Status.SUCCESS, Status.SUCCESS, Status.SUCCESS),
        (Status.FAILED, Status.FAILED, Status.FAILED),
        (Status.CANCELED, Status.CANCELED, Status.CANCELED),
        (Status.SKIPPED, Status.FAILED, Status.SKIPPED),
        (Status.MANUAL, Status.RUNNING, Status.MANUAL),
        (Status.CREATED, Status.RUNNING, Status.RUNNING),
        *((status, Status.RUNNING, status) for status in ALIVE),
    ],
)
def test_each_status(downstream: Status, depend: Status, mirror: Status) -> None:
    assert inherited(Strategy.DEPEND, downstream) == depend
    assert inherited(Strategy.MIRROR, downstream) == mirror


@pytest.mark.parametrize("strategy", [Strategy.DEPEND, Strategy.MIRROR])
@pytest.mark.parametrize("before", list(Status))
@pytest.mark.parametrize("after", list(Status))
def test_a_trigger_job_that_followed_so_far_gets_to_where_its_pipeline_is(
    strategy: Strategy, before: Status, after: Status
) -> None:
    status = inherited(strategy, before)
    for event in steps(strategy, status, before, after):
        assert status in sources(event)
        status = target(event)
    assert status == inherited(strategy, after)


@pytest.mark.parametrize("ended", [Status.FAILED, Status.CANCELED])
@pytest.mark.parametrize(
    "after", [Status.SUCCESS, Status.FAILED, Status.CANCELED, Status.MANUAL, Status.RUNNING]
)
def test_a_trigger_job_that_ended_by_itself_stays_so(ended: Status, after: Status) -> None:
    assert steps(Strategy.MIRROR, ended, Status.PENDING, after) == ()


def test_a_pipeline_that_is_run_again_takes_its_trigger_job_along() -> None:
    assert steps(Strategy.DEPEND, Status.CANCELED, Status.CANCELED, Status.RUNNING) == (Event.RESUME,)
    assert steps(Strategy.MIRROR, Status.FAILED, Status.FAILED, Status.MANUAL) == (
        Event.RESUME,
        Event.INHERIT_MANUAL,
    )


def test_only_what_gives_skipped_jobs_another_chance_resumes() -> None:
    at_work = set(Status) - COMPLETED - {Status.MANUAL, Status.CREATED}
    for before in at_work:
        for after in Status:
            assert Event.RESUME not in steps(Strategy.MIRROR, before, before, after)
