"""The status of a set of jobs, row by row of the reference's tables."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_core.decisions.composite import (
    Counted,
    composite,
    counted,
    stored_pipeline_status,
    stored_stage_status,
)
from ci_core.statuses import Status

S = Status
WARN, IGNORED = Counted.WARN, Counted.IGNORED

ROWS = [
    ("0 nothing", [], S.SUCCESS),
    ("2 skipped and ignored", [S.SKIPPED, IGNORED], S.SKIPPED),
    ("3 with warnings", [S.SUCCESS, S.SKIPPED, WARN, IGNORED], S.SUCCESS),
    ("3 only a warning", [WARN], S.SUCCESS),
    ("4 created", [S.CREATED, WARN, IGNORED], S.CREATED),
    ("5 preparing", [S.PREPARING, WARN, IGNORED], S.PREPARING),
    ("6 canceled", [S.CANCELED, S.SUCCESS, S.SKIPPED, WARN, IGNORED], S.CANCELED),
    ("6 success and canceled", [S.SUCCESS, S.CANCELED], S.CANCELED),
    ("7 pending", [S.PENDING, S.CREATED, S.SKIPPED, WARN, IGNORED], S.PENDING),
    ("7 created and skipped", [S.CREATED, S.SKIPPED], S.PENDING),
    ("7 warning and pending", [WARN, S.PENDING], S.PENDING),
    ("8 running", [S.RUNNING, S.FAILED, S.MANUAL], S.RUNNING),
    ("8 success and pending", [S.SUCCESS, S.PENDING], S.RUNNING),
    ("8 manual and pending", [S.MANUAL, S.PENDING], S.RUNNING),
    ("9 resource", [S.WAITING_FOR_RESOURCE, S.SUCCESS, S.MANUAL], S.WAITING_FOR_RESOURCE),
    ("10 callback", [S.WAITING_FOR_CALLBACK, S.SUCCESS, S.MANUAL], S.WAITING_FOR_CALLBACK),
    ("11 manual and created", [S.MANUAL, S.CREATED], S.MANUAL),
    ("11 failed and manual", [S.FAILED, S.MANUAL], S.MANUAL),
    ("12 scheduled", [S.SCHEDULED, S.SUCCESS, S.PREPARING], S.SCHEDULED),
    ("13 preparing", [S.PREPARING, S.SUCCESS, S.CREATED], S.PREPARING),
    ("14 created and success", [S.CREATED, S.SUCCESS], S.RUNNING),
    ("14 created and failed", [S.CREATED, S.FAILED], S.RUNNING),
    ("14 created before canceling", [S.CREATED, S.CANCELING], S.RUNNING),
    ("15 canceling", [S.CANCELING, S.FAILED], S.CANCELING),
    ("16 failed", [S.FAILED, S.SUCCESS], S.FAILED),
    ("16 failed and canceled", [S.FAILED, S.CANCELED], S.FAILED),
]


@pytest.mark.parametrize(("values", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_composite(values: list[Status | Counted], expected: Status) -> None:
    assert composite(values) == expected


@pytest.mark.parametrize("decisive", [S.SKIPPED, IGNORED])
@pytest.mark.parametrize("other", [S.RUNNING, S.FAILED, S.SUCCESS, S.CREATED])
def test_one_skipped_need_decides_at_once(decisive: Status | Counted, other: Status) -> None:
    assert composite([decisive, other], of_needs=True) == S.SKIPPED


@pytest.mark.parametrize(
    ("status", "allowed", "expected"),
    [
        (S.FAILED, True, WARN),
        (S.CANCELED, True, WARN),
        (S.MANUAL, True, IGNORED),
        (S.SCHEDULED, True, S.SCHEDULED),
        (S.FAILED, False, S.FAILED),
        (S.MANUAL, False, S.MANUAL),
    ],
)
def test_counted(status: Status, allowed: bool, expected: Status | Counted) -> None:
    assert counted(status, allowed) == expected


def test_a_stage_keeps_its_status_when_its_jobs_are_created_again() -> None:
    assert stored_stage_status(S.SKIPPED, S.CREATED) == S.SKIPPED
    assert stored_stage_status(S.RUNNING, S.PENDING) == S.PENDING


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        *((status, S.RUNNING) for status in (S.SUCCESS, S.FAILED, S.CANCELING, S.CANCELED, S.RUNNING)),
        (S.WAITING_FOR_CALLBACK, S.WAITING_FOR_CALLBACK),
        *(
            (status, S.PENDING)
            for status in (
                S.CREATED, S.MANUAL, S.SKIPPED, S.SCHEDULED, S.PREPARING, S.WAITING_FOR_RESOURCE,
            )
        ),
    ],
)  # fmt: skip
def test_a_pipeline_is_pending_only_before_it_ran(stored: Status, expected: Status) -> None:
    assert stored_pipeline_status(stored, S.PENDING) == expected


def test_a_pipeline_never_goes_back() -> None:
    assert stored_pipeline_status(S.FAILED, S.CREATED) == S.FAILED
    assert stored_pipeline_status(S.CANCELED, S.CANCELING) == S.CANCELED


VALUES = [*Status, *Counted]


@given(st.lists(st.sampled_from(VALUES), min_size=1, max_size=8))
def test_order_and_repetition_do_not_matter(values: list[Status | Counted]) -> None:
    assert composite(values) == composite(reversed(values)) == composite(values * 2)


def test_every_pair_has_a_composite_that_a_pipeline_can_have() -> None:
    for pair in itertools.product(VALUES, repeat=2):
        assert isinstance(composite(pair), Status)
