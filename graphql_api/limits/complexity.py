"""Owns the complexity of an operation: what it may make the server read and deliver, told before it runs.

A field that reads the database does so once for all its parents: it counts READ, however many parents there are. What
lists deliver is multiplied down to the leaves: every VALUES_A_POINT values count 1. So a page of a dashboard, which
has many fields beside one another, is cheap, and a list in a list in a list is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from django.conf import settings
from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_list_type,
    is_non_null_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

from graphql_api.fields import BatchedField, RootedField

READ: Final = 10
VALUES_A_POINT: Final = 100
#: Items of a list that no argument bounds, where nothing better is known.
USUAL: Final = 10
#: Items of lists that are at hand as a whole, as many as they usually have. Pages of them only cut what is sent, and
#: the jobs below one pipeline are its jobs once, so that multiplying their page sizes would say nothing.
USUAL_SIZES: Final[Mapping[str, int]] = {
    "Pipeline.stages": 10,
    "Pipeline.errorMessages": 2,
    "Pipeline.warningMessages": 2,
    "Pipeline.manualVariables": 5,
    "CiStage.groups": 10,
    "CiStage.jobs": 20,
    "CiGroup.jobs": 2,
    "CiJob.artifacts": 5,
    "CiJob.inputs": 2,
    "CiJob.inputsSpec": 2,
    "CiJob.needs": 5,
    "CiJob.previousStageJobs": 20,
    "CiJob.previousStageJobsOrNeeds": 10,
    "CiConfig.stages": 10,
    "CiConfigStage.groups": 10,
    "CiConfigGroup.jobs": 2,
    "CiConfigJob.needs": 5,
    "CiConfigExplanation.jobs": 20,
    "CiConfigExplanation.includes": 2,
    "CiConfigIncludeExplanation.rules": 1,
    "CiConfigDecision.rules": 3,
    "CiConfigJobExplanation.rules": 3,
    "CiConfigJobExplanation.policies": 1,
    "CiConfigExpression.variables": 2,
    "CiConfigExpression.steps": 2,
    "CiConfigPaths.patterns": 2,
    "CiConfigPolicy.expressions": 1,
    "PipelineSchedule.inputs": 5,
    "PipelineSchedule.variables": 5,
}
#: Fields of a connection that share the one reading of its page.
_OF_THE_PAGE: Final = frozenset({"nodes", "edges", "pageInfo"})


@dataclass(frozen=True, slots=True)
class Cost:
    """reads: fields that read, all parents together. values: objects and leaves for one parent."""

    reads: int = 0
    values: int = 0

    def beside(self, other: Cost) -> Cost:
        """Both for the same parent."""
        return Cost(self.reads + other.reads, self.values + other.values)

    @property
    def score(self) -> int:
        """In points."""
        return READ * self.reads + ceil(self.values / VALUES_A_POINT)


class Complexity:
    """The complexity of one operation of a valid document, by its variables."""

    #: Sets of variables whose score is remembered.
    _REMEMBERED: Final = 64

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = fragments
        self._defaults = {
            definition.variable.name.value: _constant(definition.default_value)
            for definition in operation.variable_definitions or ()
            if definition.default_value is not None
        }
        #: Variables that the score depends on; known once it was calculated.
        self._names: frozenset[str] | None = None
        self._scores: dict[tuple[Any, ...], int] = {}

    def score(self, variables: Mapping[str, Any]) -> int:
        """The score with these variables, as the client sent them."""
        if self._names is not None:
            known = self._scores.get(self._key(variables))
            if known is not None:
                return known
        calculation = _Calculation(self._schema, self._fragments, {**self._defaults, **variables})
        score = calculation.operation(self._operation).score
        # With other variables other fields are gone through, and more variables can matter.
        names = frozenset(calculation.asked) | (self._names or frozenset())
        if names != self._names or len(self._scores) >= self._REMEMBERED:
            self._names, self._scores = names, {}
        self._scores[self._key(variables)] = score
        return score

    def _key(self, variables: Mapping[str, Any]) -> tuple[Any, ...]:
        values = ({**self._defaults, **variables}.get(name) for name in sorted(self._names or ()))
        return tuple(value if isinstance(value, int) else None for value in values)


class _Calculation:
    """One walk through an operation; a fragment is gone through once for each size of list that it is spread in."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self._known: dict[tuple[str, int], Cost] = {}
        self.asked: set[str] = set()

    def operation(self, operation: OperationDefinitionNode) -> Cost:
        root = self._schema.get_root_type(operation.operation)
        return self._selections(operation.selection_set, root, USUAL)

    def _selections(
        self, selected: SelectionSetNode | None, parent: GraphQLNamedType | None, size: int
    ) -> Cost:
        """size: items of the page that the parent is, if it is one."""
        total = Cost()
        for node in selected.selections if selected else ():
            if self._left_out(node):
                continue
            if isinstance(node, FieldNode):
                total = total.beside(self._field(node, parent, size))
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                type_ = self._schema.get_type(condition.name.value) if condition else parent
                total = total.beside(self._selections(node.selection_set, type_, size))
            elif isinstance(node, FragmentSpreadNode):
                total = total.beside(self._fragment(node.name.value, size))
        return total

    def _fragment(self, name: str, size: int) -> Cost:
        if (name, size) not in self._known:
            fragment = self._fragments[name]
            type_ = self._schema.get_type(fragment.type_condition.name.value)
            self._known[name, size] = self._selections(fragment.selection_set, type_, size)
        return self._known[name, size]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, size: int) -> Cost:
        name = node.name.value
        definition = getattr(parent, "fields", {}).get(name)
        if parent is None or definition is None:
            return Cost(0, 1)  # __typename, and introspection, which is held in memory
        type_ = definition.type.of_type if is_non_null_type(definition.type) else definition.type
        named = get_named_type(type_)
        of_page = parent.name.endswith("Connection") and name in _OF_THE_PAGE
        field = definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        reads = int(isinstance(field, BatchedField | RootedField) and not of_page)
        place = f"{parent.name}.{name}"
        page = self._page(node, place) if named.name.endswith("Connection") else USUAL
        below = self._selections(node.selection_set, named, page) if is_composite_type(named) else Cost()
        items = (size if of_page else USUAL_SIZES.get(place, USUAL)) if is_list_type(type_) else 1
        return Cost(reads + below.reads, items * (1 + below.values))

    def _page(self, node: FieldNode, place: str) -> int:
        """How many items a page can have."""
        most: int = USUAL_SIZES.get(place, settings.PIPEYARD_PAGE_LIMIT)
        asked = [
            self._value(argument.value)
            for argument in node.arguments or ()
            if argument.name.value in ("first", "last")
        ]
        sizes = [value for value in asked if isinstance(value, int)]
        return min([most, *(max(0, value) for value in sizes)])

    def _left_out(self, node: SelectionNode) -> bool:
        directives: Iterable[DirectiveNode] = node.directives or ()
        for directive in directives:
            if directive.name.value in ("skip", "include"):
                left_out = directive.name.value == "skip"
                if any(self._value(argument.value) is left_out for argument in directive.arguments or ()):
                    return True
        return False

    def _value(self, node: ValueNode) -> Any:
        if isinstance(node, VariableNode):
            self.asked.add(node.name.value)
            return self._variables.get(node.name.value)
        return _constant(node)


def _constant(node: ValueNode | None) -> Any:
    """The value of a literal that matters here: a number, or true or false."""
    if isinstance(node, IntValueNode):
        return int(node.value)
    return node.value if isinstance(node, BooleanValueNode) else None
