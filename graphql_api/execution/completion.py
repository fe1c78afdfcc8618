"""Owns what becomes of the values of a field: scalars make a column, objects make rows of their own.

Source of the rules: GraphQL specification, "Value Completion"; the words of errors are graphql-core's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final

from graphql import GraphQLError, Undefined, get_named_type, is_abstract_type
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import inspect, is_iterable

from graphql_api.execution.errors import FieldErrors
from graphql_api.execution.infos import raw_info
from graphql_api.execution.leaves import Failed, LeafType
from graphql_api.execution.rows import Asked, Link, Rows
from graphql_api.execution.shapes import Step

_LISTS: Final = frozenset({list, tuple})


class Completion:
    """Completes the values of fields. read: what to do with new rows."""

    def __init__(self, executor: Any, errors: FieldErrors, read: Callable[[Rows], None]) -> None:
        self._executor = executor
        self._errors = errors
        self._read = read

    def read(self, asked: Asked, read: Callable[[Any], Any]) -> None:
        """Completes a field that is read from its parents."""
        parents = asked.parents
        of_all: Callable[[Sequence[Any]], list[Any]] | None = getattr(read, "column", None)
        try:
            values = of_all(parents) if of_all else list(map(read, parents))
        except Exception:
            values = [_value_or_error(read, parent) for parent in parents]
        self.complete(asked, values)

    def complete(self, asked: Asked, values: Sequence[Any]) -> None:
        """Fills a field's column: `values` are those of the rows that were asked."""
        step = asked.step
        if step.leaf is not None:
            column = self._leaves(asked, step.leaf, list(values))
            if asked.taken is not None:
                whole: list[Any] = [None] * len(asked.rows.objects)
                for row, value in zip(asked.taken, column, strict=True):
                    whole[row] = value
                column = whole
            asked.rows.columns[asked.place] = column
            return
        link = self._listed(asked, values) if step.nullability.listed else self._single(asked, values)
        asked.rows.columns[asked.place] = link
        for rows in link.parts:
            self._read(rows)

    def _leaves(self, asked: Asked, leaf: LeafType, values: list[Any]) -> list[Any]:
        column = leaf.column(values)
        if column is not None:
            return column
        written: list[Any] = []
        rows, step = asked.rows, asked.step
        for number, value in enumerate(values):
            row = asked.row(number)

            def report(error: Exception, keys: tuple[int, ...], row: int = row) -> None:
                self._errors.inside(rows, row, step, error, keys)

            try:
                written.append(leaf.value(value, report))
            except Failed as failed:
                self._errors.field(rows, row, step, failed.error, failed.keys)
                written.append(None)
        return written

    def _single(self, asked: Asked, values: Sequence[Any]) -> Link:
        """Where each value is an object or null."""
        link = Link(asked.rows, asked.step, asked.taken, len(values))
        self._fill(link, values)
        return link

    def _listed(self, asked: Asked, values: Sequence[Any]) -> Link:
        """Where each value is a list of objects, or null."""
        if _LISTS.issuperset(map(type, values)):
            flat = list(chain.from_iterable(values))
            link = Link(asked.rows, asked.step, asked.taken, len(flat), list(map(len, values)))
            self._fill(link, flat)
            return link
        items: list[Any] = []
        sizes: list[int | None] = []
        failed: list[tuple[int, Exception]] = []
        step = asked.step
        for number, value in enumerate(values):
            try:
                if isinstance(value, Exception):
                    raise value
                if value is None or value is Undefined:
                    if not step.nullability.value:
                        raise TypeError(no_null(step))
                    sizes.append(None)
                    continue
                if not is_iterable(value):
                    raise GraphQLError(
                        f"Expected Iterable, but did not find one for field '{step.parent_type}.{step.name}'."
                    )
                before = len(items)
                items.extend(value)
                sizes.append(len(items) - before)
            except Exception as error:
                failed.append((number, error))
                sizes.append(None)
        for number, failure in failed:
            self._errors.field(asked.rows, asked.row(number), step, failure)
        link = Link(asked.rows, step, asked.taken, len(items), sizes)
        self._fill(link, items)
        return link

    def _fill(self, link: Link, values: Sequence[Any]) -> None:
        """Makes rows of the values that are objects, and tells the errors of the others."""
        shapes = link.step.shapes
        kinds = set(map(type, values))
        if len(shapes) == 1:
            (shape,) = shapes.values()
            if shape.takes(kinds):
                link.parts = [Rows(shape, values, link)]
                return
        by_kind = {kind: shapes.told(kind) for kind in kinds}
        found: dict[str, tuple[list[int], list[Any]]] = {}
        for slot, value in enumerate(values):
            try:
                name = by_kind[type(value)] or self._type_name(link, value)
                if name is not None:
                    slots, objects = found.setdefault(name, ([], []))
                    slots.append(slot)
                    objects.append(value)
            except Exception as error:
                self._errors.slot(link, slot, error)
        for name, (slots, objects) in found.items():
            whole = len(slots) == len(values)
            link.parts.append(Rows(shapes[name], objects, link, None if whole else slots))

    def _type_name(self, link: Link, value: Any) -> str | None:
        """The type of an object; None if there is none. Raises what is wrong with the value."""
        step = link.step
        if isinstance(value, Exception):
            raise value
        if value is None or value is Undefined:
            if step.nullability.value if link.sizes is None else step.nullability.item:
                return None
            raise TypeError(no_null(step))
        info = raw_info(self._executor, step, link.path_of_slot(0))
        named: Any = get_named_type(step.type)
        if is_abstract_type(named):
            executor = self._executor
            name = (named.resolve_type or executor.type_resolver)(value, info, named)
            details = [FieldDetails(node, None) for node in step.nodes]
            named = executor.ensure_valid_runtime_type(name, named, details, info, value)
        if named.is_type_of and not named.is_type_of(value, info):
            raise GraphQLError(f"Expected value of type '{named}' but got: {inspect(value)}.", step.nodes)
        return str(named.name)


def no_null(step: Step) -> str:
    """What is said of a null where there must be none."""
    return f"Cannot return null for non-nullable field {step.parent_type}.{step.name}."


def _value_or_error(read: Callable[[Any], Any], parent: Any) -> Any:
    try:
        return read(parent)
    except Exception as error:
        return error
