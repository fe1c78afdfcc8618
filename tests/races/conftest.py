"""After every race, nothing may contradict itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.invariants import assert_all_consistent


@pytest.fixture(autouse=True)
def _nothing_contradicts_itself(transactional_db: None) -> Iterator[None]:
    yield
    assert_all_consistent()
