"""What trigger jobs set off: the task that `ci_core.bridges` defers."""

from __future__ import annotations

from ci_core.actions import downstream
from ci_core.tasks.procrastinate import blueprint


@blueprint.task(name="start_bridges")
def start_bridges(pipeline_id: int) -> None:
    """Once a trigger job of a pipeline is ready: creates the downstream pipelines of all that are."""
    downstream.start_bridges(pipeline_id)
