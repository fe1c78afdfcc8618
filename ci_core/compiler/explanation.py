"""Owns the account of why each job is in the pipeline or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ci_core.compiler.expressions import ExpressionTrace


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """One entry of `rules` that was looked at: where it stands, whether it matched, and what it decided."""

    index: int
    file: str
    line: int
    matched: bool
    when: str | None
    expression: ExpressionTrace | None

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "index": self.index,
            "file": self.file,
            "line": self.line,
            "matched": self.matched,
            "when": self.when,
            "if": None if self.expression is None else self.expression.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether something is in, and why.

    `reason` is one of no_rules, no_rules_in_merge_request, rule, rule_never, no_rule_matched. `rules` lists the
    entries looked at, in order; the last one decided when `reason` begins with `rule`.
    """

    included: bool
    reason: str
    rules: tuple[RuleTrace, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "included": self.included,
            "reason": self.reason,
            "rules": [rule.to_json() for rule in self.rules],
        }


@dataclass(frozen=True, slots=True)
class JobExplanation:
    """The decision on one job of the configuration, before `parallel` multiplies it."""

    name: str
    file: str
    line: int
    decision: Decision

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {"name": self.name, "file": self.file, "line": self.line, **self.decision.to_json()}


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decisions on the workflow and on every visible job of the configuration."""

    workflow: Decision | None = None
    jobs: tuple[JobExplanation, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "workflow": None if self.workflow is None else self.workflow.to_json(),
            "jobs": [job.to_json() for job in self.jobs],
        }
