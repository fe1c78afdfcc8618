"""Owns the last step: a job that is in the pipeline becomes one or more entries of the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ci_core.compiler.diagnostics import At, circle_text, quote_list
from ci_core.compiler.durations import parse_duration
from ci_core.compiler.inputs.jobs import to_json
from ci_core.compiler.jobs import JobDraft
from ci_core.compiler.keywords.artifacts import archive_of
from ci_core.compiler.keywords.control import AllowFailure, Retry
from ci_core.compiler.keywords.environments import TIERS, EnvironmentSpec
from ci_core.compiler.scope import JobVariables, Scope
from ci_core.compiler.session import Session
from ci_core.compiler.types import (
    CompiledEnvironment,
    CompiledJob,
    CompiledNeed,
    CompiledTrigger,
    Position,
)
from ci_core.compiler.variables import CompiledVariable, expand, find_cycle, referenced_names

_NO_RETRY = Retry()
_HANDED_ON = ("id_tokens", "secrets", "release", "dast_configuration")


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
    variables = scope.layers(yaml, JobVariables(draft))
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
        variables = [*variables, *scope.numbered(index, total)]
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
    if pages is None and draft.base == "pages":
        return draft.values.get("publish") or {"publish": "public"}
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
    """The tags with their variables, each once; one that comes to nothing is left out.

    Source: docs.gitlab.com/ci/yaml/#tags
    """
    tags: tuple[str, ...] = draft.values.get("tags") or ()
    if not any("$" in tag for tag in tags):
        return tags
    filled = [_expanded(scope, tag, draft.at, yaml, variables) for tag in tags]
    return tuple({tag: None for tag in filled if tag.strip()})


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


def _shown(scope: Scope, value: str) -> str:
    """The beginning of a value with variables in it, as a message may show it."""
    return scope.session.context.redact(value)[:60]


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
            report.error(
                f"environment:auto_stop_in comes to '{_shown(scope, stop)}', which is no duration.", spec.at
            )
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
        text = f"environment:deployment_tier comes to '{_shown(scope, tier)}'; it must come to {quote_list(TIERS)}."
        scope.session.report.error(text, spec.at)
    return tier
