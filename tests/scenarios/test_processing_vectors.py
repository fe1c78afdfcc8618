"""Runs our own processing vectors, which cover every row of the status rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.env import ROOT
from tests.support.vectors import run_vector

VECTORS = sorted((ROOT / "fixtures" / "processing").glob("*.yml"))


@pytest.mark.django_db
@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_processing(path: Path) -> None:
    run_vector(path)
