"""Owns the arguments of fields as functions take them: those that were read before are kept with the plan.

To read them takes graphql-core and Strawberry longer than much of what they are read for, and they come out the same
for the same variables.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from enum import Enum
from typing import Any, Final

from graphql import FieldNode, Undefined, VariableNode, Visitor, visit

from graphql_api.batching import frozen

#: Arguments of one field that are kept, of different variables.
KEPT: Final = 32
#: What nobody can change who is given it.
_LASTING: Final = frozenset({str, int, float, bool, type(None), type(Undefined)})


class Arguments:
    """The arguments of one call. frozen: a hashable stand-in, equal for equal arguments."""

    __slots__ = ("frozen", "lasting", "values")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self.frozen = frozen(values)
        #: Whether they can be given to another function, too: nothing in them can be changed.
        self.lasting = all(type(value) in _LASTING or isinstance(value, Enum) for value in values.values())


class KeptArguments:
    """The arguments that one field of a plan had, by the values of the variables in them."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[Hashable, Arguments] = {}

    def recall(self, key: tuple[Any, ...]) -> Arguments | None:
        """Those of these variables; None if they are not known."""
        try:
            return self._entries.get(key)
        except TypeError:
            # A list or an input object among the variables.
            return None

    def keep(self, key: tuple[Any, ...], arguments: Arguments) -> None:
        """Keeps them, if they last; drops the others when there are many."""
        if not arguments.lasting or not all(type(value) in _LASTING for value in key):
            return
        if len(self._entries) >= KEPT:
            self._entries.clear()
        self._entries[key] = arguments


class _Variables(Visitor):
    """Collects the variables in the arguments of a field."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        """Collects one."""
        self.names[node.name.value] = None


def variables_of(node: FieldNode) -> tuple[str, ...]:
    """The names of the variables in a field's arguments."""
    collecting = _Variables()
    for argument in node.arguments or ():
        visit(argument, collecting)
    return tuple(collecting.names)
