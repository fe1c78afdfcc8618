"""Pytest plugin: an embedded PostgreSQL for the session, unless DATABASE_URL names one.

Loaded with -p, so that it runs before Django's settings are read. Workers of pytest-xdist inherit the URL.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from config.supervisor.postgres import EmbeddedPostgres

_STARTED: list[EmbeddedPostgres] = []
_FOLDERS: list[str] = []


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Iterator[None]:
    """Starts the server and points the environment at it, before pytest-django reads the settings."""
    if "PIPEYARD_HOME" not in os.environ:
        os.environ["PIPEYARD_HOME"] = tempfile.mkdtemp(prefix="pipeyard-test-")
        _FOLDERS.append(os.environ["PIPEYARD_HOME"])
    os.environ.setdefault("PIPEYARD_SECRET_KEY", "tests-only")
    # Tests that want Redis start one of their own.
    os.environ.pop("REDIS_URL", None)
    os.environ["PIPEYARD_ALLOWED_HOSTS"] = "testserver,localhost,127.0.0.1"
    if "DATABASE_URL" not in os.environ:
        from config.supervisor.postgres import EmbeddedPostgres

        server = EmbeddedPostgres(Path(os.environ["PIPEYARD_HOME"]), "tests")
        os.environ["DATABASE_URL"] = server.start(durable=False, temporary=True)
        _STARTED.append(server)
    return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stops the server that this process started, and removes what the tests left."""
    while _STARTED:
        _STARTED.pop().stop()
    while _FOLDERS:
        shutil.rmtree(_FOLDERS.pop(), ignore_errors=True)
