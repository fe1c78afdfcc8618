"""Owns what functions are told of the place at which they are called."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import strawberry
from graphql.pyutils import Path

from graphql_api.execution.rows import Asked, Key
from graphql_api.execution.shapes import Step


def raw_info(executor: Any, step: Step, keys: Iterable[Key]) -> Any:
    """graphql-core's info of a field. keys: the path to one of its values."""
    path: Path | None = None
    for key in keys:
        path = Path(path, key, None)
    return executor.build_resolve_info(step.field, step.nodes, step.parent_type, path)


class PlannedInfo(strawberry.Info[Any, None]):
    """Strawberry's info of a field, at the first of the rows that are asked; made of parts that few functions read."""

    def __init__(self, executor: Any, asked: Asked) -> None:
        self._executor = executor
        self._asked = asked
        self._field = asked.step.definition

    @cached_property
    def _raw_info(self) -> Any:  # type: ignore[override]
        asked = self._asked
        return raw_info(self._executor, asked.step, [*asked.rows.path(asked.row(0)), asked.step.key])

    def leads_to(self, names: tuple[str, ...]) -> bool:
        """Whether fields of these names are asked for below the field, each below the one before."""
        return self._asked.step.leads_to(names)

    @property
    def context(self) -> Any:
        """What the operation carries with it."""
        return self._executor.context_value
