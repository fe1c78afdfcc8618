"""Owns the errors of an operation's fields: where they are told, and how far null spreads from them.

Source of the rules: GraphQL specification, "Handling Execution Errors".
"""

from __future__ import annotations

from collections.abc import Sequence

from graphql import GraphQLError, located_error

from graphql_api.execution.rows import Key, Link, Rows
from graphql_api.execution.shapes import Step


class FieldErrors:
    """The errors so far.

    no_data: whether null has spread to the whole response. nulled: whether it has taken the place of any object.
    """

    def __init__(self) -> None:
        self.errors: list[GraphQLError] = []
        self.no_data = False
        self.nulled = False

    def field(self, rows: Rows, row: int, step: Step, error: Exception, keys: Sequence[Key] = ()) -> None:
        """A field has failed for one row; keys: where in its value. Null stands there if it may, otherwise above."""
        self._tell(error, step, [*rows.path(row), step.key, *keys], new=self._null(rows, row, step))

    def inside(self, rows: Rows, row: int, step: Step, error: Exception, keys: Sequence[Key]) -> None:
        """An item of a field's value has failed, and null can stand in its place."""
        self._tell(error, step, [*rows.path(row), step.key, *keys], new=True)

    def slot(self, link: Link, slot: int, error: Exception) -> None:
        """A value, or an item of a list, that a field leads to has failed."""
        path = link.path_of_slot(slot)
        self._tell(error, link.step, path, new=self._null_slot(link, slot))

    def _tell(self, error: Exception, step: Step, path: list[Key], *, new: bool) -> None:
        """Only the first error that puts null in a place is told."""
        if new:
            self.errors.append(located_error(error, step.nodes, path))

    def _null(self, rows: Rows, row: int, step: Step) -> bool:
        """Puts null in the place of a field's value, or above it; False if it stood there before."""
        return step.nullability.value or self._null_row(rows, row)

    def _null_row(self, rows: Rows, row: int) -> bool:
        if rows.link is not None:
            return self._null_slot(rows.link, rows.slot(row))
        before, self.no_data = self.no_data, True
        return not before

    def _null_slot(self, link: Link, slot: int) -> bool:
        row, _ = link.owner(slot)
        rules = link.step.nullability
        if slot in link.nulled or row in link.without:
            return False
        self.nulled = True
        link.nulled.add(slot)
        if link.sizes is None:
            return rules.value or self._null_row(link.parent, row)
        if rules.item:
            return True
        link.without.add(row)
        return rules.value or self._null_row(link.parent, row)
