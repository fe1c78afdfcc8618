"""Fixtures that many tests use."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from unittest import mock

import pytest
from django.test import TransactionTestCase

from config.env import cores
from tests.support.emptying import empty


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: many tests wait for processes, sockets and timers."""
    return cores() + 1


@pytest.fixture(autouse=True, scope="session")
def _emptied_quickly() -> Iterator[None]:
    with mock.patch.object(TransactionTestCase, "_fixture_teardown", empty):
        yield


@pytest.fixture(scope="session")
def _stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Iterator[int]]:
    return tmp_path_factory.mktemp("stored"), count()


@pytest.fixture(autouse=True)
def _own_folders(settings: object, _stored: tuple[Path, Iterator[int]]) -> None:
    """Each test stores artifacts and repositories in a folder of its own; most store nothing, so it is only named."""
    every, numbers = _stored
    folder = every / str(next(numbers))
    settings.PIPEYARD_ARTIFACTS = folder / "artifacts"  # type: ignore[attr-defined]
    settings.PIPEYARD_REPOSITORIES = folder / "repositories"  # type: ignore[attr-defined]
