"""Owns what plans consist of: the fields to give for the objects of one type, with all that is known beforehand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final, TypeAlias

from graphql import FieldNode, GraphQLField, GraphQLObjectType, GraphQLOutputType, Undefined
from strawberry.types.field import StrawberryField

from graphql_api.execution.arguments import KeptArguments
from graphql_api.execution.leaves import LeafType

#: Fields that lead from a page to its rows.
_OF_PAGES: Final = frozenset({"nodes", "edges", "node"})
#: The columns of an object list, one a field, to its response objects.
_NO_OBJECTS: Final = (NoneType, type(Undefined))
Write: TypeAlias = Callable[[Sequence[Sequence[Any]], int], list[Any]]


@dataclass(frozen=True, slots=True)
class Nullability:
    """Where null may stand in the value of a field that leads to objects.

    listed: whether the value is a list. item: whether null may be in that list.
    """

    value: bool
    listed: bool
    item: bool


@dataclass(slots=True)
class Step:
    """A field of a selection.

    read: gives the value of one parent; None for a field that is asked for in a batch. at_hand: whether a batch needs
    neither the database nor arguments for one parent; None if it always needs them. at_once: reads a scalar from all
    parents and writes it; None of it where they have to be looked at one by one. leaf: how its values are
    written; None for a field that leads to objects. shapes: by name of the type, what to give for these objects.
    variables: those in its arguments; arguments: what they came to.
    """

    key: str
    nodes: list[FieldNode]
    parent_type: GraphQLObjectType
    field: GraphQLField
    definition: StrawberryField
    nullability: Nullability
    read: Callable[[Any], Any] | None = None
    at_hand: Callable[[Any], bool] | None = None
    leaf: LeafType | None = None
    at_once: Callable[[Sequence[Any]], list[Any] | None] | None = None
    shapes: Shapes = dataclasses.field(default_factory=lambda: Shapes())
    variables: tuple[str, ...] = ()
    arguments: KeptArguments = dataclasses.field(default_factory=KeptArguments)
    _leads_to: dict[tuple[str, ...], bool] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """The field's name in the schema."""
        return self.nodes[0].name.value

    @property
    def type(self) -> GraphQLOutputType:
        """The field's type in the schema."""
        return self.field.type

    def leads_to(self, names: tuple[str, ...]) -> bool:
        """Whether fields of these names (in Python) are asked for below, each below the one before; through pages."""
        known = self._leads_to.get(names)
        if known is None:
            known = self._leads_to[names] = any(
                step._is_way(names) for shape in self.shapes.values() for step in shape.steps
            )
        return known

    def _is_way(self, names: tuple[str, ...]) -> bool:
        if self.definition.python_name in _OF_PAGES:
            return self.leads_to(names)
        first, *others = names
        return self.definition.python_name == first and (not others or self.leads_to(tuple(others)))


@dataclass(slots=True)
class Shape:
    """What to give for each object of one type at one place in the document."""

    object_type: GraphQLObjectType
    steps: Sequence[Step]
    write: Write
    _taken: set[type] = dataclasses.field(default_factory=set)

    @property
    def row_class(self) -> type | None:
        """The class by which an object is known to be of this type; None if there is no such class."""
        told_by: type | None = getattr(self.object_type.is_type_of, "row_class", None)
        return told_by

    def takes(self, kinds: Iterable[type]) -> bool:
        """Whether values of all these classes are surely objects of this type: no nulls, no errors."""
        if self._taken.issuperset(kinds):
            return True
        takes = self._takes(kinds)
        if takes:
            self._taken.update(kinds)
        return takes

    def _takes(self, kinds: Iterable[type]) -> bool:
        if self.object_type.is_type_of is not None:
            return self.row_class is not None and all(issubclass(kind, self.row_class) for kind in kinds)
        return not any(kind in _NO_OBJECTS or issubclass(kind, Exception) for kind in kinds)


class Shapes(dict[str, Shape]):
    """By name of the type, what to give for the objects to which one field leads."""

    def told(self, kind: type) -> str | None:
        """The type of values of this class, if the class tells it."""
        if len(self) == 1:
            (only,) = self.values()
            return only.object_type.name if only.takes([kind]) else None
        if any(shape.row_class is None for shape in self.values()):
            return None
        return next((name for name, shape in self.items() if shape.takes([kind])), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one operation asks for.

    in_place: whether all of it is read from the root value, without the database. fields: those of each type that are
    asked for anywhere, by their names in Python. weight: how many fields the plan holds, at least 1.
    """

    root: Shape
    in_place: bool
    fields: Mapping[str, frozenset[str]]
    weight: int
