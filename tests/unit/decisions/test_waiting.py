"""Why a job waits, case by case."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ci_core.decisions.runner_matching import Obstacle, QueuedJob, RunnerSnapshot, may_take, obstacles
from ci_core.decisions.waiting import Place, WaitKind, WaitSnapshot, why
from ci_core.statuses import Status

JOB = QueuedJob(1, frozenset({"docker", "gpu"}))
FITS = RunnerSnapshot(1, "big", frozenset({"docker", "gpu", "linux"}))
NO_GPU = RunnerSnapshot(2, "small", frozenset({"docker"}))


@pytest.mark.parametrize(
    ("runners", "job", "kind", "stuck", "words"),
    [
        ([], JOB, WaitKind.NO_RUNNER, True, "No runner"),
        ([NO_GPU], JOB, WaitKind.MISSING_TAGS, True, "the nearest, small, lacks gpu"),
        ([FITS], JOB, WaitKind.NEXT_REQUEST, False, "Runner big takes it"),
        (
            [RunnerSnapshot(1, "big", FITS.tags, running=1)],
            JOB,
            WaitKind.RUNNERS_BUSY,
            False,
            "position 14 of 60; the oldest waits 130 s",
        ),
        (
            [RunnerSnapshot(1, "big", FITS.tags, paused=True)],
            JOB,
            WaitKind.RUNNERS_PAUSED,
            True,
            "paused: big",
        ),
        (
            [RunnerSnapshot(1, "big", FITS.tags, online=False)],
            JOB,
            WaitKind.RUNNERS_OFFLINE,
            True,
            "offline: big",
        ),
        (
            [RunnerSnapshot(1, "big", FITS.tags, online=False), NO_GPU],
            JOB,
            WaitKind.RUNNERS_OFFLINE,
            True,
            "big",
        ),
        (
            [RunnerSnapshot(1, "safe", FITS.tags, protected_only=True)],
            JOB,
            WaitKind.PROTECTED_REF,
            True,
            "safe",
        ),
        (
            [RunnerSnapshot(1, "tagged", FITS.tags, run_untagged=False)],
            QueuedJob(1),
            WaitKind.UNTAGGED,
            True,
            "tagged",
        ),
        (
            [RunnerSnapshot(1, "theirs", FITS.tags, project_ids=frozenset({2}))],
            JOB,
            WaitKind.NO_RUNNER,
            True,
            "project",
        ),
    ],
)
def test_pending(
    runners: list[RunnerSnapshot], job: QueuedJob, kind: WaitKind, stuck: bool, words: str
) -> None:
    waiting = why(WaitSnapshot(Status.PENDING, job, runners=runners, place=lambda _: Place(14, 60, 130)))
    assert waiting is not None
    assert (waiting.kind, waiting.stuck) == (kind, stuck)
    assert words in waiting.message


@pytest.mark.parametrize(
    ("snapshot", "kind", "words"),
    [
        (
            WaitSnapshot(Status.CREATED, JOB, True, [("a", Status.RUNNING), ("b", Status.CREATED)]),
            WaitKind.NEEDS,
            "a (running), b (created)",
        ),
        (
            WaitSnapshot(Status.CREATED, JOB, False, [(f"j{n}", Status.RUNNING) for n in range(9)]),
            WaitKind.EARLIER_STAGES,
            "and 4 more",
        ),
        (WaitSnapshot(Status.CREATED, JOB), WaitKind.PREPARATION, "being processed"),
        (WaitSnapshot(Status.MANUAL, JOB), WaitKind.MANUAL, "developers"),
        (
            WaitSnapshot(Status.SCHEDULED, JOB, due_at=datetime(2026, 1, 1, 12, tzinfo=UTC)),
            WaitKind.DELAYED,
            "2026-01-01T12:00:00",
        ),
        (
            WaitSnapshot(Status.WAITING_FOR_RESOURCE, JOB, resource_group="g", holder="job x"),
            WaitKind.RESOURCE_GROUP,
            "g, held by job x",
        ),
    ],
)
def test_other_statuses(snapshot: WaitSnapshot, kind: WaitKind, words: str) -> None:
    waiting = why(snapshot)
    assert waiting is not None
    assert waiting.kind == kind
    assert words in waiting.message
    assert not waiting.stuck


@pytest.mark.parametrize(
    "status", [Status.RUNNING, Status.SUCCESS, Status.FAILED, Status.CANCELED, Status.SKIPPED]
)
def test_a_job_that_does_not_wait_has_no_reason(status: Status) -> None:
    assert why(WaitSnapshot(status, JOB)) is None


def test_every_obstacle_is_named() -> None:
    runner = RunnerSnapshot(1, "r", frozenset(), False, True, frozenset({9}), paused=True, online=False)
    assert obstacles(runner, JOB) | obstacles(runner, QueuedJob(1)) == set(Obstacle)
    assert may_take(FITS, JOB)
