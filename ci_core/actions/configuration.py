"""Reads and compiles a project's configuration for a ref: for creating pipelines, and for trying what they would be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from ci_core.compiler import (
    CompileContext,
    CompiledJob,
    CompileResult,
    Diagnostic,
    Position,
    compile_config,
)
from ci_core.errors import ConfigMissing
from ci_core.models import Project, User
from ci_core.repositories import Commit, open_repository
from ci_core.repositories.changes import CommitChanges
from ci_core.repositories.fetching import ProjectFetcher
from ci_core.statuses import PipelineSource
from ci_core.variables.predefined import GivenVariable, RuleVariables, for_rules

NO_COMMIT: Final = "0" * 40


@dataclass(frozen=True, slots=True)
class Situation:
    """What a configuration is compiled for.

    before_sha: the commit that the branch pointed to before a push, NO_COMMIT for a new branch. None: unknown; then a
    push is taken to have brought its last commit. schedule: the description of the schedule that fires.
    """

    ref: str
    source: PipelineSource
    variables: Sequence[GivenVariable] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    before_sha: str | None = None
    schedule: str | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A configuration that was compiled: for which commit, and what came of it."""

    commit: Commit
    before_sha: str
    protected: bool
    variables: RuleVariables
    result: CompileResult


def compile_project(
    project: Project, situation: Situation, *, acting_user: User | None, content: str | bytes | None = None
) -> Compiled:
    """Compiles a project's configuration, or `content` in its place, as if a pipeline were to be created.

    Includes and `rules:exists` see what the acting user may see; `content` sees no protected variables.
    Raises RefNotFound, RepositoryMissing, ConfigMissing.
    """
    repository = open_repository(project)
    commit = repository.resolve(situation.ref)
    path = project.ci_config_path
    source = repository.read(commit.sha, path) if content is None else content
    if source is None:
        raise ConfigMissing(
            f"{commit.ref} has no file {path}: add one, or change the project's configuration path."
        )
    before_sha = _before(commit, situation)
    protected = not commit.tag and commit.ref == project.default_branch
    variables = for_rules(
        project,
        commit,
        source=situation.source.value,
        before_sha=before_sha,
        protected=protected,
        given=situation.variables,
        user=acting_user,
        schedule=situation.schedule,
        own=content is None,
    )
    context = CompileContext(
        ref=commit.ref,
        source=situation.source.value,
        tag=commit.tag,
        variables=variables.values,
        predefined=variables.predefined,
        masked=variables.masked,
        raw=variables.raw,
        file_digest=partial(repository.digest, commit.sha),
        inputs=situation.inputs,
        fetcher=ProjectFetcher(project, repository, commit.sha, acting_user),
        changes=CommitChanges(repository, commit.sha, None if before_sha == NO_COMMIT else before_sha),
    )
    return Compiled(commit, before_sha, protected, variables, compile_config(source, context, file=path))


def _before(commit: Commit, situation: Situation) -> str:
    """`CI_COMMIT_BEFORE_SHA`: zeros unless something was pushed to a branch that was there.

    Source: https://docs.gitlab.com/ci/variables/predefined_variables/
    """
    if situation.source != PipelineSource.PUSH or commit.tag:
        return NO_COMMIT
    return situation.before_sha or commit.parent_sha or NO_COMMIT


def runnable(result: CompileResult) -> CompileResult:
    """The result, with an error for everything in it that compiles but that nothing here can run yet."""
    if result.pipeline is None:
        return result
    errors = [error for job in result.pipeline.jobs for error in _not_yet(job)]
    return replace(result, pipeline=None, errors=tuple(errors)) if errors else result


def _not_yet(job: CompiledJob) -> Iterator[Diagnostic]:
    if job.trigger is not None:
        what = f"of project {job.trigger.project}" if job.trigger.project else "of its own, a child pipeline"
        text = f"'{job.name}' starts a pipeline {what}. Jobs with trigger cannot run here yet: take it out."
        yield _diagnostic(text, job.position, f"jobs:{job.base_name}:trigger")
    for need in job.cross_needs:
        what = f"from project {need.project}" if need.project else f"from pipeline {need.pipeline}"
        text = f"'{job.name}' needs something {what}. Only needs within the pipeline are supported here yet."
        yield _diagnostic(text, need.position, f"jobs:{job.base_name}:needs")


def _diagnostic(text: str, position: Position, path: str) -> Diagnostic:
    return Diagnostic(text, position.file, position.line, position.column, path, code="unsupported")
