"""Owns what functions are told of the place at which they are called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphql.pyutils import Path

from graphql_api.execution.rows import Asked, Key
from graphql_api.execution.shapes import Step


def raw_info(executor: Any, step: Step, keys: Iterable[Key]) -> Any:
    """graphql-core's info of a field. keys: the path to one of its values."""
    path: Path | None = None
    for key in keys:
        path = Path(path, key, None)
    return executor.build_resolve_info(step.field, step.nodes, step.parent_type, path)


def info_of(executor: Any, asked: Asked) -> Any:
    """Strawberry's info of a field, at the first of the rows that are asked."""
    step = asked.step
    raw = raw_info(executor, step, [*asked.rows.path(asked.row(0)), step.key])
    return executor.schema._strawberry_schema.config.info_class(_raw_info=raw, _field=step.definition)
