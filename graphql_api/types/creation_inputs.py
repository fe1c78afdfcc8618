"""Owns what a project's configuration asks of whoever starts a pipeline: its inputs, and its variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry import enum_value

from ci_core import models
from ci_core.compiler import CompileResult, InputSpec
from ci_core.compiler.expressions.syntax import Binary, Expression, Not, Text, Variable, to_text
from ci_core.configuration import Situation, compile_project
from ci_core.errors import ConfigMissing, InvalidInput, RefNotFound, RepositoryMissing
from ci_core.statuses import PipelineSource
from graphql_api import permissions
from graphql_api.context import Info
from graphql_api.fields import argument, leaf
from graphql_api.scalars import CiInputsValueInputType

#: GitLab's words for the operators of conditions.
_OPERATORS = {"==": "equals", "!=": "not_equals", "&&": "AND", "||": "OR"}
_JUNCTIONS = ("&&", "||")

Ref = Annotated[str, argument("Branch or tag.")]


@strawberry.enum(description="Type of an input.")
class CiInputType(Enum):
    """Types of inputs."""

    ARRAY = enum_value("array", description="A list.")
    BOOLEAN = enum_value("boolean", description="True or false.")
    NUMBER = enum_value("number", description="A number.")
    STRING = enum_value("string", description="A text.")


@dataclass(frozen=True, slots=True)
class ConfigVariable:
    """A global variable as it is written."""

    key: str
    value: str | None
    description: str | None
    value_options: list[str] | None


def _compiled(project: models.Project, ref: str, info: Info) -> CompileResult | None:
    """The configuration of a ref, as for a pipeline started by hand; None if there is none."""
    situation = Situation(ref, PipelineSource.WEB)
    try:
        return compile_project(project, situation, acting_user=info.context.principal.user).result
    except (ConfigMissing, RefNotFound, RepositoryMissing):
        return None


def _for_developers(parents: list[models.Project], ref: str, info: Info) -> list[CompileResult | None]:
    if len(parents) > 1:  # each reads and compiles a configuration
        raise InvalidInput("What a configuration asks for is told of one project in a request.")
    permissions.load_levels(info.context, (row.pk for row in parents))
    may = (permissions.has_level(info.context, row.pk, permissions.OPERATE) for row in parents)
    return [_compiled(row, ref, info) if allowed else None for row, allowed in zip(parents, may, strict=True)]


def config_variables(
    parents: list[models.Project],
    info: Info,
    ref: Ref,
    fail_on_cache_miss: Annotated[
        bool | None, argument("Accepted and ignored: the configuration is read each time.")
    ] = None,
) -> list[list[ConfigVariable] | None]:
    """The global variables of each project's configuration."""
    return [
        None if found is None or found.merged is None else _variables(found.merged.get("variables"))
        for found in _for_developers(parents, ref, info)
    ]


def _variables(written: Any) -> list[ConfigVariable]:
    if not isinstance(written, Mapping):
        return []
    return [
        _variable(key, value if isinstance(value, Mapping) else {"value": value})
        for key, value in written.items()
    ]


def _variable(key: str, written: Mapping[str, Any]) -> ConfigVariable:
    choices = written.get("options")
    options = [str(choice) for choice in choices] if isinstance(choices, list) else None
    return ConfigVariable(key, _text(written.get("value")), _text(written.get("description")), options)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def creation_inputs(parents: list[models.Project], info: Info, ref: Ref) -> list[Sequence[InputSpec] | None]:
    """The inputs that each project's configuration declares."""
    return [None if found is None else found.inputs for found in _for_developers(parents, ref, info)]


def _required(spec: InputSpec) -> bool:
    if spec.type == "string" and spec.rules:
        return False
    return not spec.has_default and not any(rule.has_default for rule in spec.rules)


def _children(node: Expression) -> list[Expression] | None:
    if isinstance(node, Not):
        return [node.operand]
    return [node.left, node.right] if isinstance(node, Binary) and node.operator in _JUNCTIONS else None


def _compared(node: Expression) -> tuple[str | None, str | None]:
    """The input that a comparison asks for, and what it is compared with; an input alone, with true."""
    if isinstance(node, Variable):
        return node.name, "true"
    if not isinstance(node, Binary) or node.operator in _JUNCTIONS:
        return None, None
    one, other = (node.left, node.right) if isinstance(node.left, Variable) else (node.right, node.left)
    value = other.value if isinstance(other, Text) else to_text(other)
    return one.name if isinstance(one, Variable) else None, value


def _operator(node: Expression) -> str:
    if isinstance(node, Not):
        return "NOT"
    return _OPERATORS.get(node.operator, node.operator) if isinstance(node, Binary) else "equals"


@strawberry.type(name="CiConfigVariable", description="A variable at the top of a configuration.")
class CiConfigVariable:
    """Its parent is a ConfigVariable."""

    key = leaf(str | None, "Name of the variable.")
    value = leaf(str | None, "Its value; null if it has none.")
    description = leaf(str | None, "What it is for; null if that is not said.")
    value_options = leaf(list[str] | None, "The values that are offered; null if all are.")


@strawberry.type(
    name="CiInputsCondition", description="A condition on other inputs: a comparison, or conditions joined."
)
class CiInputsCondition:
    """Its parent is an Expression."""

    operator = leaf(
        str | None,
        "`equals`, `not_equals`, `AND`, `OR`, `NOT`, or as it is written, such as `=~`.",
        _operator,
    )
    field = leaf(str | None, "Of a comparison: name of the input.", lambda node: _compared(node)[0])
    value = leaf(
        CiInputsValueInputType | None,
        "Of a comparison: what the input is compared with.",
        lambda node: _compared(node)[1],
    )
    children = leaf(
        list[Annotated["CiInputsCondition", strawberry.lazy("graphql_api.types.creation_inputs")]] | None,
        "Of joined conditions: these.",
        _children,
    )


@strawberry.type(
    name="CiInputsRule", description="Options and default of an input, for when a condition holds."
)
class CiInputsRule:
    """Its parent is an InputRule."""

    condition_tree = leaf(CiInputsCondition | None, "The condition; null if it always holds.", "condition")
    default = leaf(CiInputsValueInputType | None, "The default then.")
    options = leaf(
        CiInputsValueInputType | None,
        "The values that are allowed then; null if all are.",
        lambda rule: None if rule.options is None else list(rule.options),
    )


@strawberry.type(name="CiInputSpec", description="An input that a configuration or a job takes.")
class CiInputSpec:
    """Its parent is an InputSpec."""

    name = leaf(str, "Name of the input.")
    type = leaf(CiInputType, "Type of its value.")
    description = leaf(str | None, "What it is for; null if that is not said.")
    required = leaf(bool, "Whether it must be given.", _required)
    default = leaf(CiInputsValueInputType | None, "Its value if it is not given.")
    options = leaf(
        CiInputsValueInputType | None,
        "The values that are allowed; null if all are.",
        lambda spec: None if spec.options is None else list(spec.options),
    )
    regex = leaf(str | None, "Regular expression that its value must match; null if there is none.")
    rules = leaf(
        list[CiInputsRule] | None,
        "Rules for its options and default; null if there are none.",
        lambda spec: spec.rules or None,
    )
