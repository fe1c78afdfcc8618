"""Owns the last step: a job that is in the pipeline becomes one or more entries of the plan."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ci_core.compiler.diagnostics import At, circle_text, quote_list
from ci_core.compiler.durations import parse_duration
from ci_core.compiler.inputs.jobs import to_json
from ci_core.compiler.jobs import JobDraft
from ci_core.compiler.keywords.artifacts import archive_of
from ci_core.compiler.keywords.control import AllowFailure, Retry
from ci_core.compiler.keywords.environments import TIERS, EnvironmentSpec
from ci_core.compiler.keywords.inherit import takes
from ci_core.compiler.session import Session
from ci_core.compiler.types import (
    CompiledEnvironment,
    CompiledJob,
    CompiledNeed,
    CompiledTrigger,
    Position,
)
from ci_core.compiler.variables import (
    CompiledVariable,
    Layers,
    expand,
    find_cycle,
    merge_variables,
    referenced_names,
)

_NO_VARIABLES: tuple[CompiledVariable, ...] = ()
_NO_RETRY = Retry()
_HANDED_ON = ("id_tokens", "secrets", "release", "dast_configuration")
_NOT_SLUG = re.compile(r"[^a-z0-9]")


@dataclass(slots=True)
class Scope:
    """The variables around the jobs: of the context in two strengths, and of the configuration."""

    session: Session
    strong: dict[str, str]
    weak: dict[str, str]
    shared: tuple[CompiledVariable, ...] = ()
    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    _memory: dict[Any, Any] = field(default_factory=dict)

    def yaml_variables(self, draft: JobDraft) -> tuple[CompiledVariable, ...]:
        """The configuration's variables for a job: global and workflow ones, then its own, then those of
        the matrix, then its rule's.

        Source: docs.gitlab.com/ci/yaml/#rulesvariables, docs.gitlab.com/ci/yaml/#inheritvariables
        """
        own = draft.values.get("variables") or _NO_VARIABLES
        ruled = draft.rule.variables if draft.rule is not None else _NO_VARIABLES
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

    def layers(self, yaml: tuple[CompiledVariable, ...], job: Mapping[str, str]) -> Layers:
        """All variables as a mapping, the strongest source first.

        Source: docs.gitlab.com/ci/variables/#cicd-variable-precedence
        """
        values = self._memory.get(id(yaml))
        if values is None:
            values = self._memory[id(yaml)] = ({item.key: item.value for item in yaml}, yaml)
        return Layers(self.strong, values[0], job, self.weak)

    def raw_names(self, yaml: tuple[CompiledVariable, ...]) -> frozenset[str]:
        """Names of variables whose values are not expanded."""
        return self.session.context.raw | {
            item.key for item in yaml if item.raw and item.key not in self.strong
        }

    def listed(self, yaml: tuple[CompiledVariable, ...]) -> list[dict[str, Any]]:
        """The variables as job definitions carry them; made once for jobs that have the same."""
        key = ("listed", id(yaml))
        known = self._memory.get(key)
        if known is None:
            known = self._memory[key] = ([item.to_json() for item in yaml], yaml)
        found: list[dict[str, Any]] = known[0]
        return found


def job_variables(draft: JobDraft) -> dict[str, str]:
    """The predefined variables that depend on the job and are known at creation; made once for a job.

    Source: docs.gitlab.com/ci/variables/predefined_variables/
    """
    if not draft.variables:
        draft.variables = {
            "CI_JOB_NAME": draft.name,
            "CI_JOB_NAME_SLUG": _NOT_SLUG.sub("-", draft.name.lower())[:63].strip("-"),
            "CI_JOB_STAGE": draft.stage,
            "CI_NODE_INDEX": str(draft.index or 1),
            "CI_NODE_TOTAL": str(draft.total or 1),
        }
    return draft.variables


def check_cycles(session: Session, variables: tuple[CompiledVariable, ...], at: At) -> None:
    """Reports variables that need each other's values.

    Source: docs.gitlab.com/ci/variables/where_variables_can_be_used/#nested-variable-expansion
    """
    cycle = find_cycle(variables)
    if cycle:
        circle = circle_text(cycle)
        session.report.error(
            f"The variables need each other in a circle: {circle}. "
            "Write $$ for a plain dollar sign, or use expand: false.",
            at,
        )


def plan_job(
    scope: Scope,
    draft: JobDraft,
    needs: tuple[CompiledNeed, ...] | None,
    dependencies: list[str] | None,
) -> CompiledJob:
    """One job, or one copy of a job, as an entry of the plan."""
    values = draft.values
    yaml = scope.yaml_variables(draft)
    if any("$" in item.value for item in values.get("variables") or ()):
        check_cycles(scope.session, yaml, draft.body.at("variables", draft.at))
    allow = _allow_failure(draft)
    retry = values.get("retry") or _NO_RETRY
    when, start_in, interruptible = _timing(draft)
    group = values.get("resource_group")
    mark = draft.at.mark
    index, total = draft.index or 1, draft.total
    spec = draft.needs_spec
    mirrored = spec.mirrored.pipeline if spec is not None and spec.mirrored is not None else None
    variables = scope.layers(yaml, job_variables(draft))
    return CompiledJob(
        name=draft.name,
        stage=draft.stage,
        position=Position(mark.name, mark.line + 1, mark.column + 1),
        when=when,
        allow_failure=allow.allowed,
        allow_failure_exit_codes=allow.exit_codes,
        needs=needs,
        tags=_tags(scope, draft, yaml, variables),
        timeout=values.get("timeout"),
        start_in=start_in,
        interruptible=interruptible,
        retry_max=retry.max,
        retry_when=retry.when,
        retry_exit_codes=retry.exit_codes,
        environment=_environment(scope, values.get("environment"), yaml, variables),
        resource_group=None if group is None else _expanded(scope, group, draft.at, yaml, variables),
        coverage=values.get("coverage"),
        parallel_index=draft.index,
        parallel_total=total,
        manual_confirmation=values.get("manual_confirmation"),
        base_name=draft.base,
        trigger=_trigger(scope, draft, yaml, variables),
        cross_needs=() if spec is None or mirrored is not None else spec.cross,
        mirrors=None if mirrored is None else _expanded(scope, mirrored, draft.at, yaml, variables),
        _definition=_definition(scope, draft, yaml, dependencies, index, total),
    )


def _timing(draft: JobDraft) -> tuple[str, int | None, bool]:
    """When the job starts, after which delay, and whether it may be interrupted: the rule wins over the job.

    Source: docs.gitlab.com/ci/yaml/#ruleswhen, docs.gitlab.com/ci/yaml/#rulesinterruptible
    """
    get, rule = draft.values.get, draft.rule
    when = (rule.when if rule is not None else None) or get("when") or "on_success"
    start_in = (rule.start_in if rule is not None else None) or get("start_in")
    ruled = rule.interruptible if rule is not None else None
    interruptible = bool(get("interruptible")) if ruled is None else ruled
    return when, start_in if when == "delayed" else None, interruptible


def _allow_failure(draft: JobDraft) -> AllowFailure:
    """An explicit value wins; else `when: manual` on the job itself means true, in a rule it does not.

    Source: docs.gitlab.com/ci/yaml/#allow_failure
    """
    if draft.rule is not None and draft.rule.allow_failure is not None:
        return draft.rule.allow_failure
    own = draft.values.get("allow_failure")
    if isinstance(own, AllowFailure):
        return own
    return AllowFailure(draft.values.get("when") == "manual")


def _definition(
    scope: Scope,
    draft: JobDraft,
    yaml: tuple[CompiledVariable, ...],
    dependencies: list[str] | None,
    index: int,
    total: int | None,
) -> dict[str, Any]:
    """What a runner needs. Copies of a job differ in their variables only."""
    variables = scope.listed(yaml)
    if total is not None:
        scope.session.spend(len(variables), draft.at)
        node = (("CI_NODE_INDEX", str(index)), ("CI_NODE_TOTAL", str(total)))
        variables = [*variables, *({"key": key, "value": value, "raw": True} for key, value in node)]
    common = scope.definitions.get(draft.base)
    if common is None:
        common = scope.definitions[draft.base] = _common(draft)
    return {**common, "variables": variables, "dependencies": dependencies}


def _common(draft: JobDraft) -> dict[str, Any]:
    get = draft.values.get
    definition = {
        "script": get("script") or [],
        "before_script": get("before_script") or [],
        "after_script": get("after_script") or [],
        "image": get("image"),
        "services": get("services") or [],
        "variables": [],
        "artifacts": _artifacts(draft),
        "cache": get("cache") or [],
        "dependencies": None,
        "hooks": get("hooks") or [],
    }
    inputs = get("inputs")
    if inputs:
        definition["inputs"] = to_json(inputs)
    pages = _pages(draft)
    if pages is not None:
        definition["pages"] = pages
    for key in _HANDED_ON:
        if get(key):
            definition[key] = get(key)
    return definition


def _pages(draft: JobDraft) -> dict[str, Any] | None:
    """How a job publishes a site; a job called pages does so unless it says `pages: false`.

    Source: docs.gitlab.com/ci/yaml/#pages
    """
    pages = draft.values.get("pages")
    if pages is False or draft.values.get("trigger") is not None:
        return None
    older: dict[str, Any] | None = draft.values.get("publish")
    if pages is None and (older is not None or draft.base == "pages"):
        return older or {"publish": "public"}
    found: dict[str, Any] | None = pages
    return found


def _artifacts(draft: JobDraft) -> list[dict[str, Any]]:
    """The uploads of a job; what it publishes is among them.

    Source: docs.gitlab.com/ci/yaml/#pagespublish
    """
    artifacts: list[dict[str, Any]] = draft.values.get("artifacts") or []
    pages = _pages(draft)
    if pages is None:
        return artifacts
    folder = pages["publish"]
    for index, entry in enumerate(artifacts):
        if entry["artifact_type"] == "archive":
            if folder in entry["paths"]:
                return artifacts
            return [*artifacts[:index], entry | {"paths": [*entry["paths"], folder]}, *artifacts[index + 1 :]]
    return [archive_of([folder]), *artifacts]


def _trigger(
    scope: Scope, draft: JobDraft, yaml: tuple[CompiledVariable, ...], variables: Mapping[str, str]
) -> CompiledTrigger | None:
    """Source: docs.gitlab.com/ci/yaml/#triggerproject"""
    spec: CompiledTrigger | None = draft.values.get("trigger")
    if spec is None or spec.project is None:
        return spec
    branch = spec.branch
    return replace(
        spec,
        project=_expanded(scope, spec.project, draft.at, yaml, variables),
        branch=None if branch is None else _expanded(scope, branch, draft.at, yaml, variables),
    )


def _tags(
    scope: Scope, draft: JobDraft, yaml: tuple[CompiledVariable, ...], variables: Mapping[str, str]
) -> tuple[str, ...]:
    """Source: docs.gitlab.com/ci/yaml/#tags"""
    tags: tuple[str, ...] = draft.values.get("tags") or ()
    return tuple([_expanded(scope, tag, draft.at, yaml, variables) if "$" in tag else tag for tag in tags])


def _expanded(
    scope: Scope, text: str, at: At, yaml: tuple[CompiledVariable, ...], variables: Mapping[str, str]
) -> str:
    """The text with its variables; what long values cost is counted."""
    if "$" not in text:
        return text
    limit = scope.session.limits.expanded_length
    result = expand(text, variables, raw=scope.raw_names(yaml), max_length=limit)
    scope.session.spend(1 + len(result) // 8, at)
    return result


def _environment(
    scope: Scope,
    spec: EnvironmentSpec | None,
    yaml: tuple[CompiledVariable, ...],
    variables: Mapping[str, str],
) -> CompiledEnvironment | None:
    """Source: docs.gitlab.com/ci/environments/#create-a-dynamic-environment"""
    if spec is None:
        return None
    report, limit = scope.session.report, scope.session.limits.name_length
    name = _expanded(scope, spec.name, spec.at, yaml, variables)
    if not name.strip() or len(name) > limit:
        found = "nothing" if not name.strip() else f"{len(name)} characters"
        report.error(
            f"environment:name '{spec.name}' comes to {found} with the variables of this pipeline; "
            f"it must come to 1 to {limit} characters.",
            spec.at,
        )
    url = spec.url
    if url is not None and all(item in variables for item in referenced_names(url)):
        url = _expanded(scope, url, spec.at, yaml, variables)
    stop = (
        None if spec.auto_stop_in is None else _expanded(scope, spec.auto_stop_in, spec.at, yaml, variables)
    )
    seconds = None
    if stop is not None and stop != "never":
        seconds = parse_duration(stop)
        if seconds is None:
            report.error(f"environment:auto_stop_in comes to '{stop[:60]}', which is no duration.", spec.at)
    tier = None if spec.deployment_tier is None else _tier(scope, spec, yaml, variables)
    return CompiledEnvironment(
        name, url, spec.action, spec.on_stop, seconds, tier, spec.name, spec.kubernetes
    )


def _tier(
    scope: Scope,
    spec: EnvironmentSpec,
    yaml: tuple[CompiledVariable, ...],
    variables: Mapping[str, str],
) -> str:
    """Source: docs.gitlab.com/ci/yaml/#environmentdeployment_tier"""
    tier = _expanded(scope, spec.deployment_tier or "", spec.at, yaml, variables)
    if tier not in TIERS:
        text = f"environment:deployment_tier comes to '{tier[:60]}'; it must come to {quote_list(TIERS)}."
        scope.session.report.error(text, spec.at)
    return tier
