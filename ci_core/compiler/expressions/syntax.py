"""Owns the tree of an expression and its printed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Null:
    """The keyword `null`."""


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`."""

    value: bool


@dataclass(frozen=True, slots=True)
class Text:
    """A string in single or double quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class Variable:
    """`$NAME` or `${NAME}`."""

    name: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """`/source/flags`."""

    source: str
    flags: str = ""


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and one of `== != =~ !~ && ||`."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Not:
    """`!` and its operand."""

    operand: Expression


Expression: TypeAlias = "Null | Boolean | Text | Variable | Pattern | Not | Binary"

# From the weakest to the strongest.
PRECEDENCE = {"||": 1, "&&": 2, "==": 3, "!=": 3, "=~": 3, "!~": 3}


def to_text(node: Expression) -> str:
    """The expression as text; parsing it again gives the same tree."""
    if isinstance(node, Binary):
        strength = PRECEDENCE[node.operator]
        left = _wrapped(node.left, strength)
        right = _wrapped(node.right, strength + 1)
        return f"{left} {node.operator} {right}"
    if isinstance(node, Not):
        operand = to_text(node.operand)
        return f"!({operand})" if isinstance(node.operand, Binary) else f"!{operand}"
    if isinstance(node, Variable):
        return f"${node.name}"
    if isinstance(node, Boolean):
        return str(node.value).lower()
    if isinstance(node, Text):
        quote = "'" if '"' in node.value else '"'
        return f"{quote}{node.value}{quote}"
    if isinstance(node, Pattern):
        return f"/{node.source}/{node.flags}"
    return "null"


def _wrapped(node: Expression, strength: int) -> str:
    text = to_text(node)
    if isinstance(node, Binary) and PRECEDENCE[node.operator] < strength:
        return f"({text})"
    return text


def variable_names(node: Expression) -> tuple[str, ...]:
    """The variables in an expression, each once, in order."""
    names: dict[str, None] = {}
    _collect(node, names)
    return tuple(names)


def _collect(node: Expression, names: dict[str, None]) -> None:
    if isinstance(node, Variable):
        names[node.name] = None
    elif isinstance(node, Not):
        _collect(node.operand, names)
    elif isinstance(node, Binary):
        _collect(node.left, names)
        _collect(node.right, names)
