"""What must hold of every pipeline once its transactions have ended: what `manage.py ci_check` looks for."""

from __future__ import annotations

from ci_core.actions.checks import check, check_pipeline
from ci_core.actions.resources import hand_over_free_groups


def assert_consistent(pipeline_id: int) -> None:
    """Nothing in this pipeline contradicts itself."""
    assert [str(found) for found in check_pipeline(pipeline_id)] == []


def assert_all_consistent() -> None:
    """Nothing anywhere contradicts itself, and no free resource waits to be handed over."""
    assert hand_over_free_groups() == 0
    assert [str(found) for found in check()] == []
