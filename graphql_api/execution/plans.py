"""Owns the plans that are kept: one a document, operation, and values of the variables that change its shape."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Any, Final
from weakref import WeakKeyDictionary

from graphql import (
    DirectiveNode,
    GraphQLSchema,
    Undefined,
    VariableNode,
    Visitor,
    visit,
)

from graphql_api.execution.planning import Planner, Unplannable
from graphql_api.execution.shapes import Plan

#: Plans that are kept, and documents whose variables are known.
KEPT: Final = 500


class _Recent(OrderedDict[Hashable, Any]):
    """The entries that were used last."""

    def recall(self, key: Hashable) -> Any:
        """The entry of a key; None if there is none."""
        found = self.get(key)
        if found is not None:
            self.move_to_end(key)
        return found

    def keep(self, key: Hashable, value: Any) -> None:
        """Adds an entry, and drops the one that was not used for the longest time."""
        self[key] = value
        while len(self) > KEPT:
            self.popitem(last=False)


class Plans:
    """The plans of one schema. An operation that cannot be planned is remembered, too."""

    def __init__(self) -> None:
        self._plans = _Recent()
        self._variables = _Recent()
        self._lock = Lock()

    def of(self, executor: Any) -> Plan:
        """The plan of an executor's operation. Raises Unplannable, and what graphql-core raises of directives."""
        operation = executor.operation
        if operation.loc is None:
            return Planner(executor).plan()
        document = (operation.loc.source.body, operation.loc.start)
        with self._lock:
            names = self._variables.recall(document)
        if names is None:
            names = tuple(sorted(_deciding_variables(executor)))
        values = executor.variable_values.coerced
        key = (*document, *(values.get(name, Undefined) for name in names))
        with self._lock:
            self._variables.keep(document, names)
            plan: Plan | str | None = self._plans.recall(key)
        if plan is None:
            plan = _plan_or_reason(executor)
            with self._lock:
                self._plans.keep(key, plan)
        if isinstance(plan, str):
            raise Unplannable(plan)
        return plan


def _plan_or_reason(executor: Any) -> Plan | str:
    """The plan, or why there is none."""
    try:
        return Planner(executor).plan()
    except Unplannable as reason:
        return str(reason)


def plans_of(schema: GraphQLSchema) -> Plans:
    """The plans of a schema."""
    return _BY_SCHEMA.setdefault(schema, Plans())


_BY_SCHEMA: Final[WeakKeyDictionary[GraphQLSchema, Plans]] = WeakKeyDictionary()


class _DirectiveVariables(Visitor):
    """Collects the variables that directives are given."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        """Collects those of one directive."""
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.names.add(argument.value.name.value)


def _deciding_variables(executor: Any) -> set[str]:
    collecting = _DirectiveVariables()
    for definition in (executor.operation, *executor.fragment_definitions.values()):
        visit(definition, collecting)
    return collecting.names
