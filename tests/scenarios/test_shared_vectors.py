"""Runs the processing vectors of others, from the folder in PIPEYARD_CONFORMANCE, through the actions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.env import ROOT
from tests.support.vectors import run_vector

DEFAULT = ROOT.parent / "shared" / "conformance" / "pipeline_processing"
FOLDER = Path(os.environ.get("PIPEYARD_CONFORMANCE") or DEFAULT)
VECTORS = sorted(FOLDER.glob("*.yml"))

pytestmark = [pytest.mark.conformance, pytest.mark.django_db]


def test_conformance_folder_has_vectors() -> None:
    """A folder that somebody named must have vectors; without the default one, our own vectors still run."""
    if not VECTORS and "PIPEYARD_CONFORMANCE" not in os.environ:
        pytest.skip(f"no conformance vectors at {FOLDER}; fixtures/processing covers the rules")
    assert VECTORS, f"no *.yml in {FOLDER}"


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_conformance(path: Path) -> None:
    run_vector(path)
