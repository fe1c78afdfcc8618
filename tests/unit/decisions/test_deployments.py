"""Deployments: their age, who may deploy, and dotenv reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_core.decisions.deployments import Deployed, Protection, auto_stop_at, is_outdated, may_deploy
from ci_core.decisions.dotenv import parse_dotenv


@pytest.mark.parametrize(
    ("candidate", "newest", "outdated"),
    [
        (Deployed(1, "a"), None, False),
        (Deployed(1, "a"), Deployed(2, "b"), True),
        (Deployed(1, "a"), Deployed(2, "a"), False),
        (Deployed(3, "a"), Deployed(2, "b"), False),
    ],
)
def test_age(candidate: Deployed, newest: Deployed | None, outdated: bool) -> None:
    assert is_outdated(candidate, newest) is outdated


@pytest.mark.parametrize(
    ("protection", "user_id", "level", "admin", "may"),
    [
        (None, None, 0, False, True),
        (Protection(40, ()), 1, 40, False, True),
        (Protection(40, ()), 1, 30, False, False),
        (Protection(40, {1}), 1, 20, False, True),
        (Protection(None, {1}), 2, 50, False, False),
        (Protection(None, {1}), 1, 0, False, False),
        (Protection(None, {1}), 2, 0, True, True),
        (Protection(30, ()), None, 0, False, False),
    ],
)
def test_who_may_deploy(
    protection: Protection | None, user_id: int | None, level: int, admin: bool, may: bool
) -> None:
    assert may_deploy(protection, user_id=user_id, level=level, is_admin=admin) is may


def test_auto_stop() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert auto_stop_at(None, now) is None
    assert auto_stop_at(60, now) == now + timedelta(minutes=1)


def test_a_dotenv_report() -> None:
    report = b'A=1\n\n# no\n B = x\nC="a b"\nD=\'q\'\nE="open\nno line\nF=a=b\n\xff=1\nA=2\r\n'
    assert parse_dotenv(report) == {"A": "2", "C": "a b", "D": "q", "E": '"open', "F": "a=b"}


@given(st.binary(max_size=300))
def test_any_bytes_are_read(content: bytes) -> None:
    assert all(key.isascii() for key in parse_dotenv(content))
