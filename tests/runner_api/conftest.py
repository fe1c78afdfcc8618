"""Fixtures of the runner protocol's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.factories import runner_with_token
from tests.runner_api.calls import RunnerCalls
from tests.support.live_server import serving


@pytest.fixture
def runner(db: None) -> RunnerCalls:
    """A runner that takes any job."""
    return RunnerCalls(runner_with_token(description="first")[1])


@pytest.fixture
def other_runner(db: None) -> RunnerCalls:
    """Another one."""
    return RunnerCalls(runner_with_token(description="second")[1])


@pytest.fixture(autouse=True)
def _only_this_door(settings: Any) -> None:
    """These tests need no other door."""
    settings.ROOT_URLCONF = "runner_api.urls"


@pytest.fixture
def live(transactional_db: None, settings: Any) -> Iterator[str]:
    """The address of a real server."""
    with serving(settings) as url:
        yield url
