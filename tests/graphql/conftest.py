"""Fixtures of the GraphQL tests."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_collected_statics(settings: object) -> None:
    """WhiteNoise warns of a folder that only `collectstatic` makes; nothing here serves from it."""
    settings.STATIC_ROOT = None  # type: ignore[attr-defined]
