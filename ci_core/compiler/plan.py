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
from ci_core.compiler.scope import Scope
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


class _Texts:
    """Texts of one job with the values of the variables put in."""

    __slots__ = ("_job", "_scope", "_yaml")

    def __init__(self, scope: Scope, draft: JobDraft, yaml: tuple[CompiledVariable, ...]) -> None:
        self._scope = scope
        self._job = scope.job_variables(draft, yaml)
        self._yaml = yaml

    def known(self) -> Mapping[str, str]:
        """The variables around the job."""
        return self._scope.layers(self._yaml, self._job)

    @property
    def environment_name(self) -> str:
        """The name of the job's environment."""
        return self._job.environment["CI_ENVIRONMENT_NAME"]

    def fill(self, text: str, at: At) -> str:
        """The text with its variables; what long values cost is counted."""
        if "$" not in text:
            return text
        scope = self._scope
        limit = scope.session.limits.expanded_length
        result = expand(text, self.known(), raw=scope.raw_names(self._yaml, self._job), max_length=limit)
        scope.session.spend(1 + len(result) // 8, at)
        return result


def plan_job(
    scope: Scope,
    draft: JobDraft,
    needs: tuple[CompiledNeed, ...] | None,
    dependencies: list[str] | None,
) -> CompiledJob:
    """One job, or one copy of a job, as an entry of the plan."""
    get = draft.values.get
    yaml = scope.yaml_variables(draft)
    own = get("variables")
    if own and any("$" in item.value for item in own):
        check_cycles(scope.session, yaml, draft.body.at("variables", draft.at))
    texts = _Texts(scope, draft, yaml)
    spec = draft.needs_spec
    mirrored = spec.mirrored.pipeline if spec is not None and spec.mirrored is not None else None
    environment, group, trigger = get("environment"), get("resource_group"), get("trigger")
    return CompiledJob(
        name=draft.name,
        needs=needs,
        tags=_tags(texts, get("tags") or (), draft.at),
        environment=None if environment is None else _environment(scope, environment, texts),
        resource_group=None if group is None else texts.fill(group, draft.at),
        parallel_index=draft.index,
        trigger=None if trigger is None else _trigger(trigger, texts, draft.at),
        cross_needs=() if spec is None or mirrored is not None else spec.cross,
        mirrors=None if mirrored is None else texts.fill(mirrored, draft.at),
        _definition=_definition(scope, draft, yaml, dependencies),
        **_common_fields(scope, draft),
    )


def _common_fields(scope: Scope, draft: JobDraft) -> dict[str, Any]:
    """What copies of a job have in common if the same rule let them in."""
    key = (draft.base, id(draft.rule))
    known = scope.fields.get(key)
    if known is None:
        get, mark = draft.values.get, draft.at.mark
        allow, retry = _allow_failure(draft), get("retry") or _NO_RETRY
        when, start_in, interruptible = _timing(draft)
        known = scope.fields[key] = {
            "stage": draft.stage,
            "position": Position(mark.name, mark.line + 1, mark.column + 1),
            "when": when,
            "allow_failure": allow.allowed,
            "allow_failure_exit_codes": allow.exit_codes,
            "timeout": get("timeout"),
            "start_in": start_in,
            "interruptible": interruptible,
            "retry_max": retry.max,
            "retry_when": retry.when,
            "retry_exit_codes": retry.exit_codes,
            "coverage": get("coverage"),
            "parallel_total": draft.total,
            "manual_confirmation": get("manual_confirmation"),
            "base_name": draft.base,
        }
    return known


def _timing(draft: JobDraft) -> tuple[str, int | None, bool]:
    """When the job starts, after which delay, and whether it may be interrupted: the rule wins over the job.

    Source: docs.gitlab.com/ci/yaml/#ruleswhen, docs.gitlab.com/ci/yaml/#rulesinterruptible
    """
    get, rule, when = draft.values.get, draft.rule, draft.when
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
    scope: Scope, draft: JobDraft, yaml: tuple[CompiledVariable, ...], dependencies: list[str] | None
) -> dict[str, Any]:
    """What a runner needs. Copies of a job differ in their variables only."""
    variables = scope.listed(yaml)
    if draft.total is not None:
        scope.session.spend(len(variables), draft.at)
        variables = [*variables, *scope.numbered(draft.index or 1, draft.total)]
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


def _trigger(spec: CompiledTrigger, texts: _Texts, at: At) -> CompiledTrigger:
    """Source: docs.gitlab.com/ci/yaml/#triggerproject"""
    if spec.project is None:
        return spec
    branch = None if spec.branch is None else texts.fill(spec.branch, at)
    return replace(spec, project=texts.fill(spec.project, at), branch=branch)


def _tags(texts: _Texts, tags: tuple[str, ...], at: At) -> tuple[str, ...]:
    """The tags with their variables, each once; one that comes to nothing is left out.

    Source: docs.gitlab.com/ci/yaml/#tags
    """
    if not any("$" in tag for tag in tags):
        return tags
    filled = [texts.fill(tag, at) for tag in tags]
    return tuple({tag: None for tag in filled if tag.strip()})


def _shown(scope: Scope, value: str) -> str:
    """The beginning of a value with variables in it, as a message may show it."""
    return scope.session.context.redact(value)[:60]


def _environment(scope: Scope, spec: EnvironmentSpec, texts: _Texts) -> CompiledEnvironment:
    """Source: docs.gitlab.com/ci/environments/#create-a-dynamic-environment"""
    report, limit = scope.session.report, scope.session.limits.name_length
    name = texts.environment_name
    if not name.strip() or len(name) > limit:
        found = "nothing" if not name.strip() else f"{len(name)} characters"
        report.error(
            f"environment:name '{spec.name}' comes to {found} with the variables of this pipeline; "
            f"it must come to 1 to {limit} characters.",
            spec.at,
        )
    url = spec.url
    if url is not None and "$" in url:
        known = texts.known()
        if all(item in known for item in referenced_names(url)):
            url = texts.fill(url, spec.at)
    stop = None if spec.auto_stop_in is None else texts.fill(spec.auto_stop_in, spec.at)
    seconds = None
    if stop is not None and stop != "never":
        seconds = parse_duration(stop)
        if seconds is None:
            report.error(
                f"environment:auto_stop_in comes to '{_shown(scope, stop)}', which is no duration.", spec.at
            )
    tier = None if spec.deployment_tier is None else _tier(scope, spec, texts)
    return CompiledEnvironment(
        name, url, spec.action, spec.on_stop, seconds, tier, spec.name, spec.kubernetes
    )


def _tier(scope: Scope, spec: EnvironmentSpec, texts: _Texts) -> str:
    """Source: docs.gitlab.com/ci/yaml/#environmentdeployment_tier"""
    tier = texts.fill(spec.deployment_tier or "", spec.at)
    if tier not in TIERS:
        text = f"environment:deployment_tier comes to '{_shown(scope, tier)}'; it must come to {quote_list(TIERS)}."
        scope.session.report.error(text, spec.at)
    return tier
