"""What must hold of every pipeline once its transactions have ended: what `manage.py ci_check` looks for."""

from __future__ import annotations

from ci_core.actions.checks import check, check_pipeline


def assert_consistent(pipeline_id: int) -> None:
    """Nothing in this pipeline contradicts itself."""
    assert [str(found) for found in check_pipeline(pipeline_id)] == []


def assert_all_consistent() -> None:
    """Nothing anywhere contradicts itself."""
    assert [str(found) for found in check()] == []
