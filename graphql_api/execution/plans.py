"""Owns the plans that are kept: one a document, operation, and values of the variables that change its shape."""

from __future__ import annotations

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
from graphql_api.recent import Recent

#: Fields of the plans that a process keeps for a schema, all together: each takes a kilobyte or two.
KEPT_STEPS: Final = 50_000
#: Characters of the documents whose deciding variables it knows.
KEPT_CHARACTERS: Final = 16 * 1024 * 1024


class Plans:
    """The plans of one schema. An operation that cannot be planned is remembered, too, with the reason."""

    def __init__(self) -> None:
        self._plans: Recent[Plan | str] = Recent(KEPT_STEPS)
        self._variables: Recent[tuple[str, ...]] = Recent(KEPT_CHARACTERS)

    def of(self, executor: Any) -> Plan:
        """The plan of an executor's operation. Raises Unplannable, and what graphql-core raises of directives."""
        operation = executor.operation
        if operation.loc is None:
            return Planner(executor).plan()
        text, start = operation.loc.source.body, operation.loc.start
        names = self._variables.get((text, start))
        if names is None:
            names = tuple(sorted(_deciding_variables(executor)))
            self._variables.put((text, start), names, len(text))
        values = executor.variable_values.coerced
        key = (text, start, *(values.get(name, Undefined) for name in names))
        plan = self._plans.get(key)
        if plan is None:
            plan = _plan_or_reason(executor)
            self._plans.put(key, plan, plan.weight if isinstance(plan, Plan) else 1)
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
