"""Owns the account of why each job is in the pipeline or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ci_core.compiler.expressions import ExpressionTrace


@dataclass(frozen=True, slots=True)
class PatternTrace:
    """One pattern after its variables are put in, and the first files that match it."""

    pattern: str
    matched: bool
    files: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {"pattern": self.pattern, "matched": self.matched, "files": list(self.files)}


@dataclass(frozen=True, slots=True)
class PathsTrace:
    """The value of a `changes` or an `exists`.

    `note` says why it is true or false whatever the files: no_push (nothing to compare with), too_many (more
    files and patterns than are compared), refused (the files could not be asked for).
    """

    keyword: str
    value: bool
    patterns: tuple[PatternTrace, ...] = ()
    compared_with: str | None = None
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "keyword": self.keyword,
            "value": self.value,
            "patterns": [pattern.to_json() for pattern in self.patterns],
            "compared_with": self.compared_with,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """One entry of `rules` that was looked at: where it stands, whether it matched, and what it decided.

    Of `if`, `changes` and `exists` the first that is false ends the look: the later ones are None then.
    """

    index: int
    file: str
    line: int
    matched: bool
    when: str | None
    expression: ExpressionTrace | None
    changes: PathsTrace | None = None
    exists: PathsTrace | None = None

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "index": self.index,
            "file": self.file,
            "line": self.line,
            "matched": self.matched,
            "when": self.when,
            "if": None if self.expression is None else self.expression.to_json(),
            "changes": None if self.changes is None else self.changes.to_json(),
            "exists": None if self.exists is None else self.exists.to_json(),
        }


@dataclass(frozen=True, slots=True)
class PolicyTrace:
    """One part of `only` or `except`, such as `only:refs`: its value, and the entry that made it true."""

    keyword: str
    value: bool
    matched: str | None = None
    expressions: tuple[ExpressionTrace, ...] = ()
    changes: PathsTrace | None = None

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "keyword": self.keyword,
            "value": self.value,
            "matched": self.matched,
            "expressions": [expression.to_json() for expression in self.expressions],
            "changes": None if self.changes is None else self.changes.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether something is in, and why.

    `reason` is one of no_rules, no_rules_in_merge_request, rule, rule_never, no_rule_matched, only,
    only_not_matched, except_matched. `rules` lists the entries looked at, in order; the last one decided when
    `reason` begins with `rule`. `policies` are the parts of `only` and `except`.
    """

    included: bool
    reason: str
    rules: tuple[RuleTrace, ...] = ()
    policies: tuple[PolicyTrace, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "included": self.included,
            "reason": self.reason,
            "rules": [rule.to_json() for rule in self.rules],
            "policies": [policy.to_json() for policy in self.policies],
        }


@dataclass(frozen=True, slots=True)
class JobExplanation:
    """The decision on one job of the configuration, before `parallel` multiplies it."""

    name: str
    file: str
    line: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class IncludedFile:
    """A file that was taken in: its path, and the project and commit it is from; None for those of the pipeline.

    Of a remote file or a template the path is its URL or name, and the project is empty.
    """

    path: str
    project: str | None = None
    sha: str | None = None


@dataclass(frozen=True, slots=True)
class IncludeExplanation:
    """An entry of `include`: what it names, where it stands, whether it was taken, and the files it brought.

    kind: local, project, remote, template or component. files: by their names in messages. taken: the same.
    """

    location: str
    file: str
    line: int
    decision: Decision
    files: tuple[str, ...] = ()
    kind: str = "local"
    taken: tuple[IncludedFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The decisions on the workflow, on every include and on every visible job of the configuration."""

    workflow: Decision | None = None
    jobs: tuple[JobExplanation, ...] = ()
    includes: tuple[IncludeExplanation, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object. Decisions that jobs share are shared in it too: do not change them."""
        return unpacked(self.packed())

    def packed(self) -> dict[str, Any]:
        """The same as a JSON object that holds each decision once, in `decisions`, and elsewhere its index."""
        numbers: dict[int, int] = {}
        decisions: list[dict[str, Any]] = []

        def number(decision: Decision) -> int:
            known = numbers.get(id(decision))
            if known is None:
                known = numbers[id(decision)] = len(decisions)
                decisions.append(decision.to_json())
            return known

        return {
            "workflow": None if self.workflow is None else number(self.workflow),
            "jobs": [
                {"name": job.name, "file": job.file, "line": job.line, "decision": number(job.decision)}
                for job in self.jobs
            ],
            "includes": [
                {
                    "location": include.location,
                    "file": include.file,
                    "line": include.line,
                    "decision": number(include.decision),
                    "files": list(include.files),
                }
                for include in self.includes
            ],
            "decisions": decisions,
        }


def unpacked(packed: Mapping[str, Any]) -> dict[str, Any]:
    """An explanation with its decisions put where they belong, as `Explanation.to_json` gives it."""
    decisions = packed["decisions"]

    def filled(entry: Mapping[str, Any]) -> dict[str, Any]:
        found = {**entry, **decisions[entry["decision"]]}
        del found["decision"]
        return found

    workflow = packed["workflow"]
    return {
        "workflow": None if workflow is None else decisions[workflow],
        "jobs": [filled(job) for job in packed["jobs"]],
        "includes": [filled(include) for include in packed["includes"]],
    }
