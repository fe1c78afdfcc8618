"""Fixtures that many tests use."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_folders(settings: object, tmp_path: Path) -> None:
    """Each test stores artifacts and repositories in a folder of its own."""
    settings.PIPEYARD_ARTIFACTS = tmp_path / "artifacts"  # type: ignore[attr-defined]
    settings.PIPEYARD_REPOSITORIES = tmp_path / "repositories"  # type: ignore[attr-defined]
