"""Owns the objects that an operation has come to, level by level, and how they are put together as a response.

`Rows` are objects of one type at one place in the document, with a column for each field. A `Link` leads from rows to
the objects of one of their fields: it has slots, one for each value (or item of a list), of which some hold null.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from graphql_api.execution.shapes import Shape, Step

Key = str | int


@dataclass(slots=True, eq=False)
class Rows:
    """Objects of one type at one place. slots: where in the link each of them stands; None for all, in order."""

    shape: Shape
    objects: Sequence[Any]
    link: Link | None = None
    slots: Sequence[int] | None = None
    columns: dict[int, Sequence[Any] | Link] = field(default_factory=dict)

    def slot(self, row: int) -> int:
        """Where in its link a row stands."""
        return row if self.slots is None else self.slots[row]

    def path(self, row: int) -> list[Key]:
        """Where a row stands in the response."""
        return self.link.path_of_slot(self.slot(row)) if self.link else []

    def is_nulled(self, row: int) -> bool:
        """Whether null stands in the place of a row, or of something above it."""
        return self.link is not None and self.link.is_nulled(self.slot(row))

    def standing(self) -> Sequence[int]:
        """The rows in whose place no null stands."""
        if self.is_whole():
            return range(len(self.objects))
        return [row for row in range(len(self.objects)) if not self.is_nulled(row)]

    def is_whole(self) -> bool:
        """Whether null stands in no row's place, nor in that of anything above."""
        link = self.link
        while link is not None:
            if link.nulled or link.without:
                return False
            link = link.parent.link
        return True

    def let_go(self) -> None:
        """Forgets what the rows led to: rows and links refer to one another, and would wait for the collector."""
        for column in self.columns.values():
            if isinstance(column, Link):
                for part in column.parts:
                    part.let_go()
                column.parts = []
        self.columns = {}

    def write(self) -> list[Any]:
        """The response objects."""
        count = len(self.objects)
        columns = [self.columns[place] for place in range(len(self.shape.steps))]
        return self.shape.write([written(column, count) for column in columns], count)


class Asked:
    """A field that some rows are asked for. taken: these rows; None for all. parents: the objects of these rows."""

    __slots__ = ("parents", "place", "rows", "step", "taken")

    def __init__(self, rows: Rows, place: int, taken: Sequence[int] | None) -> None:
        self.rows = rows
        self.place = place
        self.step: Step = rows.shape.steps[place]
        self.take(taken)

    def take(self, taken: Sequence[int] | None) -> None:
        """Asks these rows, and no others."""
        self.taken = taken
        objects = self.rows.objects
        self.parents = objects if taken is None else [objects[row] for row in taken]

    def row(self, number: int) -> int:
        """The row whose object is the `number`-th (from 0) of the parents."""
        return number if self.taken is None else self.taken[number]


@dataclass(slots=True, eq=False)
class Link:
    """What a field of some rows leads to.

    taken: the rows that were asked for the field; None for all. sizes: of each list, None for a list that is null;
    nothing for a field that is no list. nulled: slots, and without: rows of the parent, where null has taken the place
    of an object or a list, since something below could not be null.
    """

    parent: Rows
    step: Step
    taken: Sequence[int] | None
    size: int
    sizes: Sequence[int | None] | None = None
    parts: list[Rows] = field(default_factory=list)
    nulled: set[int] = field(default_factory=set)
    without: set[int] = field(default_factory=set)
    _starts: list[int] | None = None

    def owner(self, slot: int) -> tuple[int, int | None]:
        """The row of the parent to which a slot belongs, and its place in that row's list."""
        number, place = slot, None
        if self.sizes is not None:
            if self._starts is None:
                self._starts = list(accumulate((size or 0 for size in self.sizes), initial=0))
            # Empty lists start where the next one does: the last that starts there holds the slot.
            number = bisect_right(self._starts, slot) - 1
            place = slot - self._starts[number]
        return (number if self.taken is None else self.taken[number]), place

    def path_of_slot(self, slot: int) -> list[Key]:
        """Where a slot stands in the response."""
        row, place = self.owner(slot)
        path = [*self.parent.path(row), self.step.key]
        return path if place is None else [*path, place]

    def is_nulled(self, slot: int) -> bool:
        """Whether null stands in the place of a slot, or of something above it."""
        if slot in self.nulled:
            return True
        row, _ = self.owner(slot)
        return row in self.without or self.parent.is_nulled(row)

    def write(self, count: int) -> Sequence[Any]:
        """The column of the parent's rows."""
        flat = self._flat()
        values = flat if self.sizes is None else _cut(flat, self.sizes)
        if self.taken is not None:
            column: list[Any] = [None] * count
            for row, value in zip(self.taken, values, strict=True):
                column[row] = value
            values = column
        if self.without:
            values = [None if row in self.without else value for row, value in enumerate(values)]
        return values

    def _flat(self) -> list[Any]:
        if len(self.parts) == 1 and self.parts[0].slots is None and not self.nulled:
            return self.parts[0].write()
        flat: list[Any] = [None] * self.size
        for part in self.parts:
            for row, value in enumerate(part.write()):
                flat[part.slot(row)] = value
        for slot in self.nulled:
            flat[slot] = None
        return flat


def _cut(flat: list[Any], sizes: Sequence[int | None]) -> list[list[Any] | None]:
    lists: list[list[Any] | None] = []
    start = 0
    for size in sizes:
        if size is None:
            lists.append(None)
        else:
            lists.append(flat[start : start + size])
            start += size
    return lists


def written(column: Sequence[Any] | Link, count: int) -> Sequence[Any]:
    """The values of a column of so many rows."""
    return column.write(count) if isinstance(column, Link) else column
