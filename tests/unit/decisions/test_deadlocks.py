"""Circles of jobs that wait for each other."""

from __future__ import annotations

from ci_core.decisions.deadlocks import BlockedClaim, in_circles


def claim(job_id: int, pipeline_id: int, *waits_for: int) -> BlockedClaim:
    return BlockedClaim(job_id, pipeline_id, group_id=1, waits_for=frozenset(waits_for), held=True)


def test_who_waits_for_somebody_who_moves_is_in_no_circle() -> None:
    assert in_circles([claim(1, 10, 20), claim(2, 20, 30)], {30: {40}}) == []


def test_a_pipeline_that_waits_for_itself() -> None:
    own = claim(1, 10, 10)
    assert in_circles([own, claim(2, 20, 10)], {}) == [own]


def test_the_newest_of_a_circle_is_named_and_the_others_go_on() -> None:
    older, newer = claim(1, 10, 20), claim(2, 20, 10)
    assert in_circles([older, newer], {}) == [newer]


def test_a_circle_over_trigger_jobs() -> None:
    waiting = claim(5, 30, 10)
    assert in_circles([waiting], {10: {20}, 20: {30}}) == [waiting]


def test_each_circle_is_broken() -> None:
    claims = [claim(1, 10, 20), claim(2, 20, 10), claim(3, 30, 40), claim(4, 40, 30)]
    assert [each.job_id for each in in_circles(claims, {})] == [4, 2]
