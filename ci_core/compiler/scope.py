"""Owns the variables around a job: of the context, of the configuration, and those that tell of the job itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ci_core.compiler.jobs import JobDraft
from ci_core.compiler.keywords.inherit import takes
from ci_core.compiler.session import Session
from ci_core.compiler.variables import CompiledVariable, Layers, expand, merge_variables
from ci_core.names import group_name, in_scope, slug

_NO_VARIABLES: tuple[CompiledVariable, ...] = ()


@dataclass(slots=True)
class Scope:
    """The variables around the jobs: of the context in two strengths, and of the configuration."""

    session: Session
    strong: dict[str, str]
    weak: dict[str, str]
    shared: tuple[CompiledVariable, ...] = ()
    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    fields: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    _memory: dict[Any, Any] = field(default_factory=dict)

    def yaml_variables(self, draft: JobDraft) -> tuple[CompiledVariable, ...]:
        """The configuration's variables for a job: global and workflow ones, then its own, then those of
        the matrix, then its rule's.

        Source: docs.gitlab.com/ci/yaml/#rulesvariables, docs.gitlab.com/ci/yaml/#inheritvariables
        """
        own = draft.values.get("variables") or _NO_VARIABLES
        rule = draft.rule
        ruled = rule.variables if rule is not None else _NO_VARIABLES
        choice = draft.inherit.variables
        key = (id(own), id(draft.matrix), id(ruled), choice)
        known = self._memory.get(key)
        if known is None:
            base = (
                self.shared
                if choice is True
                else tuple(item for item in self.shared if takes(choice, item.key))
            )
            merged = merge_variables(base, own, draft.matrix, ruled)
            known = self._memory[key] = (merged, own, draft.matrix, ruled)
            self.session.spend(2 * len(known[0]), draft.at)
        found: tuple[CompiledVariable, ...] = known[0]
        return found

    def job_variables(self, draft: JobDraft, yaml: tuple[CompiledVariable, ...]) -> JobVariables:
        """The predefined variables of a job, with those of its environment."""
        spec = draft.values.get("environment")
        if spec is None:
            return JobVariables(draft)
        found = {"CI_ENVIRONMENT_NAME": spec.name, "CI_ENVIRONMENT_ACTION": spec.action}
        if spec.deployment_tier is not None:
            found["CI_ENVIRONMENT_TIER"] = spec.deployment_tier
        around, raw = self.layers(yaml, JobVariables(draft)), self.raw_names(yaml, JobVariables(draft))
        limit = self.session.limits.expanded_length
        for name, text in found.items():
            if "$" in text:
                found[name] = expand(text, around, raw=raw, max_length=limit)
                self.session.spend(1 + len(found[name]) // 8, spec.at)
        return JobVariables(draft, found)

    def layers(self, yaml: tuple[CompiledVariable, ...], job: Mapping[str, str]) -> Layers:
        """All variables as a mapping, the strongest source first.

        Source: docs.gitlab.com/ci/variables/#cicd-variable-precedence
        """
        values = self._memory.get(id(yaml))
        if values is None:
            values = self._memory[id(yaml)] = ({item.key: item.value for item in yaml}, yaml)
        fitting = self._of_environment(job)
        if fitting is None:
            return Layers(self.strong, values[0], job, self.weak)
        return Layers(fitting[0], self.strong, values[0], job, self.weak)

    def raw_names(self, yaml: tuple[CompiledVariable, ...], job: Mapping[str, str]) -> frozenset[str]:
        """Names of variables whose values are not expanded."""
        key = ("raw", id(yaml))
        known = self._memory.get(key)
        if known is None:
            own = {item.key for item in yaml if item.raw and item.key not in self.strong}
            known = self._memory[key] = (self.session.context.raw | own, yaml)
        found: frozenset[str] = known[0]
        fitting = self._of_environment(job)
        return found if fitting is None else (found - fitting[0].keys()) | fitting[1]

    def _of_environment(self, job: Mapping[str, str]) -> tuple[dict[str, str], frozenset[str]] | None:
        """The variables that are stronger than all others in jobs of the job's environment, and which of them are raw.

        Source: docs.gitlab.com/ci/variables/where_variables_can_be_used/#variables-with-an-environment-scope
        """
        scoped = self.session.context.scoped
        environment = job.get("CI_ENVIRONMENT_NAME") if scoped else None
        if environment is None:
            return None
        key = ("environment", environment)
        known = self._memory.get(key)
        if known is None:
            self.session.spend(len(scoped), self.session.origin)
            fitting = {item.key: item for item in scoped if in_scope(environment, item.scope)}
            values = {name: item.value for name, item in fitting.items()}
            known = self._memory[key] = (values, frozenset(name for name in fitting if fitting[name].raw))
        found: tuple[dict[str, str], frozenset[str]] = known
        return found

    def listed(self, yaml: tuple[CompiledVariable, ...]) -> list[dict[str, Any]]:
        """The variables as job definitions carry them; made once for jobs that have the same."""
        key = ("listed", id(yaml))
        known = self._memory.get(key)
        if known is None:
            known = self._memory[key] = ([item.to_json() for item in yaml], yaml)
        found: list[dict[str, Any]] = known[0]
        return found

    def numbered(self, index: int, total: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """The variables of a copy that tell its number and how many there are, as definitions carry them."""
        known = self._memory.get((index, total))
        if known is None:
            known = self._memory[index, total] = (
                {"key": "CI_NODE_INDEX", "value": str(index), "raw": True},
                {"key": "CI_NODE_TOTAL", "value": str(total), "raw": True},
            )
        found: tuple[dict[str, Any], dict[str, Any]] = known
        return found


_JOB_VARIABLES: dict[str, Callable[[JobDraft], str | None]] = {
    "CI_JOB_NAME": lambda draft: draft.name,
    "CI_JOB_NAME_SLUG": lambda draft: slug(draft.name),
    "CI_JOB_GROUP_NAME": lambda draft: group_name(draft.name),
    "CI_JOB_STAGE": lambda draft: draft.stage,
    "CI_JOB_MANUAL": lambda draft: "true" if draft.when == "manual" else None,
    "CI_NODE_INDEX": lambda draft: None if draft.index is None else str(draft.index),
    "CI_NODE_TOTAL": lambda draft: str(draft.total or 1),
}
_NO_ENVIRONMENT: Mapping[str, str] = {}

#: Names of the predefined variables that depend on the job.
JOB_VARIABLES: Final = frozenset(_JOB_VARIABLES) | {
    "CI_ENVIRONMENT_ACTION",
    "CI_ENVIRONMENT_NAME",
    "CI_ENVIRONMENT_TIER",
}


class JobVariables(Mapping[str, str]):
    """The predefined variables that depend on the job and are known at creation, each made when it is asked for.

    environment: those that tell of its environment.
    Source: docs.gitlab.com/ci/variables/predefined_variables/ (phase "pipeline")
    """

    __slots__ = ("_draft", "environment")

    def __init__(self, draft: JobDraft, environment: Mapping[str, str] = _NO_ENVIRONMENT) -> None:
        self._draft = draft
        self.environment = environment

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a variable, or the default where the job has none."""
        make = _JOB_VARIABLES.get(name)
        found = self.environment.get(name) if make is None else make(self._draft)
        return default if found is None else found

    def __getitem__(self, name: str) -> str:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return str(found)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name in (*_JOB_VARIABLES, *self.environment) if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)
