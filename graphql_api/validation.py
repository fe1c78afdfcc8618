"""Owns the rules that documents are checked by, and where GitLab is more lenient than the specification."""

from __future__ import annotations

import re
from typing import Any, Final, cast

from graphql import (
    ASTValidationRule,
    GraphQLError,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLType,
    MaxIntrospectionDepthRule,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    VariablesInAllowedPositionRule,
    get_named_type,
    is_list_type,
    is_non_null_type,
    specified_rules,
    type_from_ast,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graphql_api.node_ids import ALIASES


class AliasedIdsInAllowedPosition(VariablesInAllowedPositionRule):
    """The rule of the specification, except that a variable of one job id scalar may stand where another is expected.

    Older clients send `CiBuildID` where newer ones send `CiProcessableID` or `JobID`; GitLab takes each.
    """

    def leave_operation_definition(self, operation: OperationDefinitionNode, *_args: Any) -> None:
        """Checks the operation as if each aliased position expected the scalar that its variable has."""
        usages = self.context.get_recursive_variable_usages(operation)
        for place, usage in enumerate(usages):
            definition = self.var_def_map.get(usage.node.name.value)
            given = type_from_ast(self.context.schema, definition.type) if definition else None
            if given is not None and usage.type is not None and _aliased(given, usage.type):
                # The list is this document's own.
                usages[place] = usage._replace(type=_with_scalar_of(given, usage.type))
        super().leave_operation_definition(operation, *_args)


def _aliased(given: GraphQLType, expected: GraphQLType) -> bool:
    names = {get_named_type(given).name, get_named_type(expected).name}
    return any(names <= family for family in ALIASES)


def _with_scalar_of(given: GraphQLType, expected: GraphQLType) -> GraphQLInputType:
    """The expected type with the scalar of the given one in it; lists and non-nulls stay."""
    if is_non_null_type(expected):
        return GraphQLNonNull(cast("Any", _with_scalar_of(given, expected.of_type)))
    if is_list_type(expected):
        return GraphQLList(_with_scalar_of(given, expected.of_type))
    return cast(GraphQLInputType, get_named_type(given))


class IdsOfSeveralTypesCanBeMerged(OverlappingFieldsCanBeMergedRule):
    """The rule of the specification, except that ids of different types may stand under one name.

    GitLab's front end asks for `... on CiBuildNeed { id } ... on CiJob { id }`, which are an `ID!` and a `JobID`; both
    are strings to the client.
    """

    _ONLY_IDS: Final = re.compile(
        r"Fields '\w+' conflict because (?:subfields '\w+' conflict because )*"
        r"they return conflicting types '\w*ID!?' and '\w*ID!?'\. .*",
        re.DOTALL,
    )

    def report_error(self, error: GraphQLError) -> None:
        """Passes on what is more than two kinds of ids."""
        if not self._ONLY_IDS.fullmatch(error.message):
            super().report_error(error)


_INSTEAD: Final[dict[type[ASTValidationRule], type[ASTValidationRule]]] = {
    VariablesInAllowedPositionRule: AliasedIdsInAllowedPosition,
    OverlappingFieldsCanBeMergedRule: IdsOfSeveralTypesCanBeMerged,
}
#: Also: how deep introspection may nest lists, and the rules of Strawberry's own kinds of arguments.
RULES: Final = (
    *(_INSTEAD.get(rule, rule) for rule in specified_rules),
    MaxIntrospectionDepthRule,
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)
