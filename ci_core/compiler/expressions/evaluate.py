"""Owns the value of an expression and the account of how it came about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from ci_core.compiler.expressions.patterns import compile_pattern, split_pattern
from ci_core.compiler.expressions.syntax import (
    Binary,
    Boolean,
    Expression,
    Not,
    Pattern,
    Text,
    Variable,
    to_text,
)

Value: TypeAlias = "str | bool | None"
Lookup: TypeAlias = Callable[[str], Value]

MASKED = "[MASKED]"
_LONGEST_STEP = 500
#: Characters of a variable's value that are told; the payload of a trigger may have a million.
_LONGEST_VALUE = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """One comparison or junction inside an expression and its value; None where it was not needed."""

    text: str
    value: bool | None

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {"text": self.text, "value": self.value}


@dataclass(frozen=True, slots=True)
class ExpressionTrace:
    """An expression, its value, the variables in it and the value of each part."""

    text: str
    value: bool
    variables: tuple[tuple[str, str | None], ...]
    steps: tuple[Step, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "text": self.text,
            "value": self.value,
            "variables": dict(self.variables),
            "steps": [step.to_json() for step in self.steps],
        }


def evaluate(
    node: Expression, text: str, lookup: Lookup, names: tuple[str, ...], masked: frozenset[str] = frozenset()
) -> ExpressionTrace:
    """The value of an expression. A variable that is not defined is null.

    A variable alone is true when it is defined and not empty.
    Source: docs.gitlab.com/ci/jobs/job_rules/#cicd-variable-expressions
    """
    steps: list[Step] = []
    value = is_true(_value(node, lookup, steps))
    shown = tuple((name, _shown(name, lookup(name), masked)) for name in names)
    return ExpressionTrace(text, value, shown, tuple(steps))


def is_true(value: Value) -> bool:
    """Whether a value counts as true: text does when it is not blank."""
    return value.strip() != "" if isinstance(value, str) else bool(value)


def _shown(name: str, value: Value, masked: frozenset[str]) -> str | None:
    text = _text(value)
    if text and name in masked:
        return MASKED
    return text if text is None or len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def _text(value: Value) -> str | None:
    return str(value).lower() if isinstance(value, bool) else value


def _value(node: Expression, lookup: Lookup, steps: list[Step], parent: str = "") -> Value:
    if isinstance(node, Binary):
        return _binary(node, lookup, steps, parent)
    if isinstance(node, Variable):
        return lookup(node.name)
    if isinstance(node, Text | Boolean):
        return node.value
    if isinstance(node, Not):
        result = not is_true(_value(node.operand, lookup, steps))
        steps.append(Step(_short(node), result))
        return result
    if isinstance(node, Pattern):
        return to_text(node)
    return None


def _binary(node: Binary, lookup: Lookup, steps: list[Step], parent: str) -> Value:
    result: Value
    operator = node.operator
    left = _value(node.left, lookup, steps, operator)
    if operator in ("&&", "||"):
        if is_true(left) == (operator == "||"):
            if isinstance(node.right, Binary | Not):
                steps.append(Step(_short(node.right), None))
            result = left
        else:
            result = _value(node.right, lookup, steps)
    elif operator in ("==", "!="):
        result = _equal(left, _value(node.right, lookup, steps)) == (operator == "==")
    else:
        result = _matches(left, node.right, _value(node.right, lookup, steps)) == (operator == "=~")
    if operator != parent:  # of `a && b && c` the whole is told, and not also `a && b`
        steps.append(Step(_short(node), is_true(result)))
    return result


def _equal(left: Value, right: Value) -> bool:
    """Whether two values are equal; what is true or false equals the text that says so.

    Source: GitLab, Lexeme::LogicalOperator#compare_with_coercion
    """
    return left == right if left is None or right is None else _text(left) == _text(right)


def _short(node: Expression) -> str:
    text = to_text(node)
    return text if len(text) <= _LONGEST_STEP else text[: _LONGEST_STEP - 3] + "..."


def _matches(left: Value, node: Expression, right: Value) -> bool:
    """`left =~ right`. A pattern may come from a variable; then it must be written /so/.

    Other text on the right side is searched for the left side, as GitLab does and its docs warn of.
    Source: docs.gitlab.com/ci/jobs/job_rules/#unexpected-behavior-from-regular-expression-matching-with-
    """
    if right is None or isinstance(right, bool):
        return False
    text = _text(left) or ""
    pattern = (node.source, node.flags) if isinstance(node, Pattern) else split_pattern(right)
    if pattern is None:
        return text in right
    compiled = compile_pattern(*pattern)
    return compiled is not None and compiled.search(text) is not None
