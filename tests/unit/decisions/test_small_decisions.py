"""Durations, timeouts, retries and slugs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_core.decisions.duration import busy_seconds
from ci_core.decisions.retries import failure_is_allowed, retries_itself
from ci_core.decisions.slugs import environment_slug, guessed_tier
from ci_core.decisions.timeouts import job_timeout
from ci_core.models.ids import in_pipeline, job_of, on_job, pipeline_of
from ci_core.names import slug

START = datetime(2026, 1, 1, tzinfo=UTC)


def span(start: int, end: int) -> tuple[datetime, datetime]:
    return START + timedelta(seconds=start), START + timedelta(seconds=end)


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([], 0),
        ([span(0, 10)], 10),
        ([span(0, 10), span(5, 15)], 15),
        ([span(0, 10), span(20, 25)], 15),
        ([span(0, 100), span(10, 20), span(90, 110)], 110),
    ],
)
def test_busy_seconds(intervals: list[tuple[datetime, datetime]], expected: int) -> None:
    assert busy_seconds(intervals) == expected
    assert busy_seconds(reversed(intervals)) == expected


@pytest.mark.parametrize(
    ("of_job", "of_project", "of_runner", "expected"),
    [
        (None, 3600, None, 3600),
        (60, 3600, None, 60),
        (7200, 3600, None, 7200),
        (7200, 3600, 600, 600),
        (60, 3600, 600, 60),
        (None, 3600, 7200, 3600),
    ],
)
def test_job_timeout(of_job: int | None, of_project: int, of_runner: int | None, expected: int) -> None:
    assert job_timeout(of_job, of_project, of_runner) == expected


@pytest.mark.parametrize(
    ("retry", "done", "reason", "exit_code", "expected"),
    [
        ({}, 0, "script_failure", 1, False),
        ({"max": 1}, 0, "script_failure", 1, True),
        ({"max": 1}, 1, "script_failure", 1, False),
        ({"max": 2, "when": ["runner_system_failure"]}, 0, "script_failure", 1, False),
        ({"max": 2, "when": ["runner_system_failure"]}, 1, "runner_system_failure", None, True),
        ({"max": 2, "when": ["always"]}, 0, "unknown_failure", None, True),
        ({"max": 2, "exit_codes": [137]}, 0, "script_failure", 137, True),
        ({"max": 2, "exit_codes": [137]}, 0, "script_failure", 1, False),
        ({"max": 2, "exit_codes": [137]}, 0, "runner_system_failure", None, False),
        ({"max": 2}, 0, "no_matching_runner", None, False),
        ({"max": 2, "when": ["always"]}, 0, "failed_outdated_deployment_job", None, False),
        ({"max": 2, "when": ["missing_dependency_failure"]}, 0, "missing_dependency_failure", None, False),
    ],
)
def test_retries_itself(
    retry: dict[str, object], done: int, reason: str, exit_code: int | None, expected: bool
) -> None:
    assert retries_itself(retry, done, reason, exit_code) is expected


def test_failure_is_allowed() -> None:
    assert failure_is_allowed(True, [], 1)
    assert not failure_is_allowed(False, [], 1)
    assert failure_is_allowed(False, [42], 42)
    assert not failure_is_allowed(True, [42], 1)


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("main", "main"),
        ("Feature/ABC_1", "feature-abc-1"),
        ("-x-", "x"),
        ("a" * 70, "a" * 63),
        ("a" * 62 + "/b", "a" * 62),
        ("renovate/@types--x", "renovate--types--x"),
    ],
)
def test_slug(ref: str, expected: str) -> None:
    assert slug(ref) == expected


@given(st.text(min_size=1, max_size=60))
def test_environment_slugs_are_host_names(name: str) -> None:
    slug = environment_slug(name)
    assert 0 < len(slug) <= 24
    assert slug[0].isalpha()
    assert not slug.endswith("-")
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_environment_slugs_of_changed_names_differ() -> None:
    assert environment_slug("staging") == "staging"
    assert environment_slug("review/a-b") != environment_slug("review/a_b")


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("production", "production"),
        ("staging", "staging"),
        ("qa", "testing"),
        ("review/x", "development"),
        ("elsewhere", "other"),
    ],
)
def test_guessed_tier(name: str, tier: str) -> None:
    assert guessed_tier(name) == tier


@given(st.integers(1, 2**37 - 1), st.integers(1, 2**16 - 1), st.integers(1, 2**10 - 1))
def test_ids_carry_their_partition(pipeline_id: int, number: int, on: int) -> None:
    job_id = in_pipeline(pipeline_id, number)
    assert pipeline_of(job_id) == pipeline_id
    assert job_id < 2**53
    assert job_of(on_job(job_id, on)) == job_id
    assert on_job(job_id, on) < 2**63


@pytest.mark.parametrize("number", [0, 2**16])
def test_numbers_out_of_range_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="not a number in a pipeline"):
        in_pipeline(1, number)
