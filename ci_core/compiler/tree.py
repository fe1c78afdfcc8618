"""Owns the loaded form of a configuration: maps and lists that remember where each value was written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from ci_core.compiler.diagnostics import At, Mark

Scalar: TypeAlias = "str | int | float | bool | None"
Node: TypeAlias = "Map | Seq | Reference | Scalar"
Marks: TypeAlias = "tuple[Mark, Mark]"


class Map(dict[str, Any]):
    """A YAML map. `marks[key]` holds the places of the key and of its value.

    `tagged` says that a `!reference` is somewhere inside; `broken`, that something which was to bring in keys
    was already reported as wrong, so that a missing key is no news.
    """

    __slots__ = ("broken", "mark", "marks", "tagged")

    def __init__(self, mark: Mark) -> None:
        self.mark = mark
        self.marks: dict[str, Marks] = {}
        self.tagged = False
        self.broken = False

    def put(self, key: str, value: Any, marks: Marks) -> None:
        """Sets a key together with its places."""
        self[key] = value
        self.marks[key] = marks
        if isinstance(value, Reference) or (isinstance(value, (Map, Seq)) and value.tagged):
            self.tagged = True

    def clone(self) -> Map:
        """A shallow copy: the values are shared."""
        copy = Map(self.mark)
        copy.update(self)
        copy.marks = self.marks.copy()
        copy.tagged = self.tagged
        copy.broken = self.broken
        return copy

    def at(self, key: str, parent: At) -> At:
        """The place of a value."""
        return At(parent, key, self.marks[key][1])

    def at_key(self, key: str, parent: At) -> At:
        """The place of a key."""
        return At(parent, key, self.marks[key][0])


class Seq(list[Any]):
    """A YAML list. `marks[i]` is the place of item i.

    `broken` says that something in it was already reported as wrong and left out.
    """

    __slots__ = ("broken", "mark", "marks", "tagged")

    def __init__(self, mark: Mark) -> None:
        self.mark = mark
        self.marks: list[Mark] = []
        self.tagged = False
        self.broken = False

    def add(self, value: Any, mark: Mark) -> None:
        """Appends an item together with its place."""
        self.append(value)
        self.marks.append(mark)
        if isinstance(value, Reference) or (isinstance(value, (Map, Seq)) and value.tagged):
            self.tagged = True


class Reference:
    """A `!reference [job, key, ...]` that has not been resolved yet."""

    __slots__ = ("keys", "mark")

    def __init__(self, keys: tuple[str, ...], mark: Mark) -> None:
        self.keys = keys
        self.mark = mark

    def __str__(self) -> str:
        return f"!reference [{', '.join(self.keys)}]"


def flat_items(items: Seq, at: At, depth: int) -> Iterator[tuple[Any, At]]:
    """The items of a list and of the lists in it, as GitLab flattens what `!reference` brings in.

    Lists nested deeper than `depth` come out as lists, for the caller to refuse.
    Source: docs.gitlab.com/ci/yaml/yaml_optimization/#reference-tags
    """
    for index, item in enumerate(items):
        place = At(at, index, items.marks[index])
        if isinstance(item, Seq) and depth > 1:
            yield from flat_items(item, place, depth - 1)
        else:
            yield item, place


def describe(value: Any) -> str:
    """What kind of value this is, in the words of an error message."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value!r}"[:80]
    if isinstance(value, str):
        return f"the text {value!r}" if len(value) <= 60 else f"the text {value[:57]!r}..."
    if isinstance(value, Map):
        return "a map" if value else "an empty map"
    if isinstance(value, Seq):
        return "a list" if value else "an empty list"
    return str(value)
