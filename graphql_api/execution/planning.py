"""Owns the making of plans: an operation and the schema in, shapes out. Says why where it cannot.

Selections are collected by graphql-core's own functions, so that fragments, merged fields, @skip and @include mean the
same as there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

from graphql import (
    GraphQLObjectType,
    OperationType,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.collect_fields import (
    CollectedFields,
    FieldDetailsList,
    collect_fields,
    collect_subfields,
)
from strawberry.types.field import StrawberryField

from graphql_api.execution.arguments import variables_of
from graphql_api.execution.leaves import LeafType
from graphql_api.execution.shapes import Nullability, Plan, Shape, Shapes, Step
from graphql_api.execution.writing import writer
from graphql_api.fields import BatchedField, LeafField, RootedField

#: Fields of a plan, at most: fragments that use one another many times grow with every use.
MAX_STEPS: Final = 20_000


class Unplannable(Exception):
    """The operation has something that only graphql-core executes."""


class Planner:
    """Makes the plan of one operation. executor: graphql-core's, which knows schema, fragments and variables."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self._steps = 0
        self._in_place = True
        self._fields: dict[str, set[str]] = {}

    def plan(self) -> Plan:
        """The plan. Raises Unplannable, and whatever graphql-core raises for wrong arguments of directives."""
        executor = self._executor
        operation = executor.operation
        if any(fragment.variable_signatures for fragment in executor.fragments.values()):
            raise Unplannable("fragments with variables")
        root_type = executor.schema.get_root_type(operation.operation)
        if root_type is None:
            raise Unplannable("no such root type")
        collected = collect_fields(
            executor.schema,
            executor.fragments,
            executor.variable_values,
            root_type,
            operation,
            executor.hide_suggestions,
        )
        events = operation.operation is OperationType.SUBSCRIPTION
        root = self._shape(root_type, collected, events=events)
        fields = {name: frozenset(asked) for name, asked in self._fields.items()}
        return Plan(root, self._in_place, fields, max(1, self._steps))

    def _shape(self, type_: GraphQLObjectType, collected: CollectedFields, *, events: bool = False) -> Shape:
        if collected.new_defer_usages:
            raise Unplannable("@defer")
        keys: list[str] = []
        constants: list[tuple[int, str]] = []
        steps: list[Step] = []
        for key, details in collected.grouped_field_set.items():
            name = details[0].node.name.value
            if name == "__typename":
                constants.append((len(keys), type_.name))
            else:
                steps.append(self._step(type_, key, details, events=events))
            keys.append(key)
        return Shape(type_, steps, writer(tuple(keys), tuple(constants)))

    def _step(
        self, parent_type: GraphQLObjectType, key: str, details: FieldDetailsList, *, events: bool
    ) -> Step:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise Unplannable(f"more than {MAX_STEPS} fields")
        nodes = [detail.node for detail in details]
        name = nodes[0].name.value
        if name.startswith("__"):
            raise Unplannable("introspection")
        field = parent_type.fields[name]
        definition = field.extensions.get("strawberry-definition")
        place = f"{parent_type.name}.{name}"
        if not isinstance(definition, StrawberryField) or definition.extensions:
            raise Unplannable(f"{place} has a resolver of its own kind")
        self._fields.setdefault(parent_type.name, set()).add(definition.python_name)
        read = self._reader(definition, place, events=events)
        step = Step(key, nodes, parent_type, field, definition, _nullability(field.type, place), read)
        step.variables = variables_of(nodes[0])
        if isinstance(definition, BatchedField) and type(definition).at_hand is not BatchedField.at_hand:
            step.at_hand = definition.at_hand
        named = get_named_type(field.type)
        if is_leaf_type(named):
            step.leaf = LeafType(field.type, place)
            step.at_once = None if read is None else _at_once(read, step.leaf)
        else:
            step.shapes = self._shapes(named, details)
        return step

    def _reader(
        self, definition: StrawberryField, place: str, *, events: bool
    ) -> Callable[[Any], Any] | None:
        """How a field is read from its parent; None for one whose function is called."""
        if events:
            # The root field of a subscription gives the event, which is the root value.
            return _itself
        if isinstance(definition, LeafField) and type(definition).get_result is LeafField.get_result:
            return definition.read or attrgetter(definition.python_name)
        batched = (
            isinstance(definition, BatchedField) and type(definition).get_result is BatchedField.get_result
        )
        if batched or type(definition) is RootedField:
            self._in_place = False
            return None
        raise Unplannable(f"{place} has a resolver of its own kind")

    def _shapes(self, named: Any, details: FieldDetailsList) -> Shapes:
        executor = self._executor
        types = executor.schema.get_possible_types(named) if is_abstract_type(named) else [named]
        shapes = Shapes()
        for type_ in types:
            collected = collect_subfields(
                executor.schema,
                executor.fragments,
                executor.variable_values,
                executor.operation,
                type_,
                details,
                executor.hide_suggestions,
            )
            shapes[type_.name] = self._shape(type_, collected)
        return shapes


def _at_once(read: Callable[[Any], Any], leaf: LeafType) -> Callable[[Sequence[Any]], list[Any] | None]:
    """A function that reads a scalar from all parents and writes it; None of it if that fails for any of them."""
    of_all: Callable[[Sequence[Any]], list[Any]] | None = getattr(read, "column", None)

    def column(parents: Sequence[Any]) -> list[Any] | None:
        try:
            return leaf.column(list(of_all(parents) if of_all else map(read, parents)))
        except Exception:
            # They are looked at one by one then, and which it was is told.
            return None

    return column


def _itself(event: Any) -> Any:
    return event


def _nullability(type_: Any, place: str) -> Nullability:
    """Raises Unplannable for lists of lists of objects."""
    inner: Any = get_nullable_type(type_)
    listed = is_list_type(inner)
    item = inner.of_type if listed else None
    if listed and is_list_type(get_nullable_type(item)) and not is_leaf_type(get_named_type(type_)):
        raise Unplannable(f"{place} is a list of lists")
    return Nullability(not is_non_null_type(type_), listed, listed and not is_non_null_type(item))
