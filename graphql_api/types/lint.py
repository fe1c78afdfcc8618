"""Owns what a configuration would be as a pipeline: stages, groups and jobs as plain lists, for the lint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import strawberry
from strawberry import enum_value

from ci_core.compiler import CompiledJob, CompileResult, merged_yaml
from ci_core.names import group_name
from graphql_api.fields import leaf
from graphql_api.types import messages
from graphql_api.types.explanations import Explanation


@dataclass(frozen=True, slots=True)
class Linted:
    """A compiled configuration, and of which project and commit."""

    project_path: str
    sha: str
    result: CompileResult


@dataclass(frozen=True, slots=True)
class LintedJob:
    """A job of the plan. position: its place in its group. written: its entry in the merged configuration."""

    position: int
    job: CompiledJob
    definition: Mapping[str, Any]
    written: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Named:
    """A stage with its groups, or a group with its jobs. position: its place among its like."""

    position: int
    name: str
    items: Sequence[Any]


def stages_of(linted: Linted) -> list[Named]:
    """The stages that would have jobs, in their order; none when there are errors."""
    plan, merged = linted.result.pipeline, linted.result.merged or {}
    if plan is None:
        return []
    found: dict[str, dict[str, list[LintedJob]]] = {stage: {} for stage in plan.stages}
    for job in plan.jobs:
        written = merged.get(job.base_name)
        group = found[job.stage].setdefault(group_name(job.name), [])
        shown = written if isinstance(written, Mapping) else {}
        group.append(LintedJob(len(group), job, job.definition(), shown))
    return [
        Named(place, stage, [Named(number, *group) for number, group in enumerate(groups.items())])
        for place, (stage, groups) in enumerate(found.items())
    ]


def _refs(policy: Any) -> list[str] | None:
    """The refs of an `only` or an `except`; None where there is none."""
    if isinstance(policy, Mapping):
        policy = policy.get("refs")
    if isinstance(policy, str):
        return [policy]
    return [str(ref) for ref in policy] if isinstance(policy, Sequence) else None


def _policy(keyword: str) -> Any:
    return leaf(
        JobRestriction | None,
        f"The job's `{keyword}`, as it is written.",
        lambda found: found.written.get(keyword),
        name=keyword,
    )


def _script(key: str, description: str) -> Any:
    return leaf(list[str] | None, description, lambda found: [str(line) for line in found.definition[key]])


@strawberry.enum(description="Whether a configuration can be run.")
class CiConfigStatus(Enum):
    """Whether a configuration can be run."""

    INVALID = enum_value("invalid", description="It has errors.")
    VALID = enum_value("valid", description="It has no errors.")


@strawberry.type(name="CiConfigJobRestriction", description="An `only` or `except`.")
class JobRestriction:
    """Its parent is what is written under the keyword."""

    refs = leaf(list[str] | None, "Its refs; null if it has none.", _refs)


@strawberry.type(name="CiLintNeed", description="A job that another one needs.")
class LintNeed:
    """Its parent is a CompiledNeed."""

    name = leaf(str | None, "Name of the job.")


@strawberry.type
class JobFields:
    """What both types of jobs have; the parent is a LintedJob."""

    name = leaf(str | None, "Name of the job.", "job.name")
    group_name = leaf(str | None, "Name of its group.", lambda found: group_name(found.job.name))
    stage = leaf(str | None, "Name of its stage.", "job.stage")
    script = _script("script", "Lines of its script.")
    before_script = _script("before_script", "Lines that run before its script.")
    after_script = _script("after_script", "Lines that run after its script.")
    tags = leaf(list[str] | None, "Tags that a runner must have.", "job.tags")
    when = leaf(str | None, "When it runs, such as `on_success`.", "job.when")
    allow_failure = leaf(bool | None, "Whether the pipeline goes on when it fails.", "job.allow_failure")
    environment = leaf(
        str | None,
        "Name of its environment.",
        lambda found: found.job.environment.name if found.job.environment else None,
    )
    only = _policy("only")
    except_ = _policy("except")


@strawberry.type(name="CiLintJob", description="A job as it would be.")
class LintJob(JobFields):
    """Its parent is a LintedJob."""

    needs = leaf(list[LintNeed] | None, "The jobs that it needs; null without `needs`.", "job.needs")


@strawberry.type(name="CiLintGroup", description="Jobs of a stage that go by one name.")
class LintGroup:
    """Its parent is a Named."""

    name = leaf(str | None, "Name of the group.")
    size = leaf(int | None, "How many jobs there are.", lambda group: len(group.items))
    jobs = leaf(list[LintJob] | None, "The jobs.", "items")


@strawberry.type(name="CiLintStage", description="A stage that would have jobs.")
class LintStage:
    """Its parent is a Named."""

    name = leaf(str | None, "Name of the stage.")
    groups = leaf(list[LintGroup] | None, "Groups of its jobs.", "items")


@strawberry.type(name="CiLintInclude", description="An entry of `include` that was looked at.")
class LintInclude:
    """Its parent is a pair of a Linted and an entry's explanation."""

    location = leaf(str | None, "What it names.", lambda pair: pair[1].location)
    context_project = leaf(str | None, "Path of the project.", lambda pair: pair[0].project_path)
    context_sha = leaf(str | None, "Commit of the project.", lambda pair: pair[0].sha)
    files = leaf(list[str], "Extension of Pipeyard: the files that it brought.", lambda pair: pair[1].files)


@strawberry.type
class ConfigFields:
    """What both types of configurations have; the parent is a Linted."""

    status = leaf(
        CiConfigStatus | None,
        "Whether it can be run.",
        lambda linted: "invalid" if linted.result.errors else "valid",
    )
    errors = leaf(
        list[str] | None,
        "What keeps it from being run, each with its place.",
        lambda linted: [messages.sentence(found.to_json()) for found in linted.result.errors],
    )
    warnings = leaf(
        list[str] | None,
        "What may not be meant so, each with its place.",
        lambda linted: [messages.sentence(found.to_json()) for found in linted.result.warnings],
    )
    merged_yaml = leaf(
        str | None,
        "The configuration as one file: after `include`, `extends` and `!reference`. Null if it came to none.",
        lambda linted: merged_yaml(linted.result),
    )


@strawberry.type(name="CiLintConfig", description="A configuration as the pipeline that it would be.")
class LintConfig(ConfigFields):
    """Its parent is a Linted."""

    includes = leaf(
        list[LintInclude] | None,
        "Its `include`.",
        lambda linted: [(linted, each) for each in linted.result.explanation.includes],
    )
    stages = leaf(
        list[LintStage] | None,
        "The stages that would have jobs, in their order; empty with errors.",
        stages_of,
    )
    explanation = leaf(
        Explanation,
        "Extension of Pipeyard: why each job is in or out, with or without errors.",
        lambda linted: linted.result.explanation.to_json(),
    )
