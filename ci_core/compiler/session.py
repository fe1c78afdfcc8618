"""Owns what one compilation carries around: its report, bounds, context and memory of what was parsed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from ci_core.compiler.diagnostics import At, PlainMark, Report
from ci_core.compiler.limits import Limits
from ci_core.compiler.types import CompileContext

if TYPE_CHECKING:
    from ci_core.compiler.inputs.spec import InputSpec


class OutOfBudget(Exception):
    """The configuration asks for more work than is sane, though each single bound holds."""

    def __init__(self, at: At) -> None:
        super().__init__()
        self.at = at


@dataclass(slots=True)
class Session:
    """The state of one compilation."""

    report: Report
    limits: Limits
    context: CompileContext
    sources: dict[str, str] = field(default_factory=dict)
    expressions: dict[str, Any] = field(default_factory=dict)
    traces: dict[Any, Any] = field(default_factory=dict)
    verdicts: dict[Any, Any] = field(default_factory=dict)
    asked: dict[int, tuple[tuple[str, ...], tuple[str, ...], Any]] = field(default_factory=dict)
    parsed: dict[tuple[str, int], tuple[Any, Any]] = field(default_factory=dict)
    work: int = 0
    lookups: int = 0
    origin: At = field(default_factory=lambda: At(None, "", PlainMark("")))
    inputs: tuple[InputSpec, ...] = ()
    early: Mapping[str, str] = field(init=False)
    masked: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Notes the variables that are known while files are read.

        Source: docs.gitlab.com/ci/variables/predefined_variables/#variable-availability
        """
        late = self.context.late
        self.early = {key: value for key, value in self.context.variables.items() if key not in late}
        self.masked = self.context.masked | {item.key for item in self.context.scoped if item.masked}

    def spend(self, amount: int, at: At) -> None:
        """Counts work that shared values could multiply; raises OutOfBudget beyond all reason."""
        self.work += amount
        if self.work > self.limits.work:
            raise OutOfBudget(at)


Parser: TypeAlias = Callable[[Session, Any, At], Any]
KeywordTable: TypeAlias = Mapping[str, Parser]
