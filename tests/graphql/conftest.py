"""Every query that a test of the API sends is answered by both executors, which must agree."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import pytest

from graphql_api import threads
from graphql_api.schema import schema
from tests.support.executors import both_executors


@pytest.fixture(autouse=True, scope="session")
def _connections_go_back_at_once() -> Iterator[None]:
    """Tests count the connections that are lent."""
    with mock.patch.object(threads, "KEPT_SECONDS", 0.002):
        yield


@pytest.fixture(autouse=True)
def _both_executors() -> Iterator[None]:
    with both_executors(schema):
        yield
