"""Every query that a test of the API sends is answered by both executors, which must agree."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graphql_api.schema import schema
from tests.support.executors import both_executors


@pytest.fixture(autouse=True)
def _both_executors() -> Iterator[None]:
    with both_executors(schema):
        yield
