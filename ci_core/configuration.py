"""Reads and compiles a project's configuration for a ref: for creating pipelines, and for trying what they would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ci_core.compiler import (
    CompileContext,
    CompileResult,
    Limits,
    compile_config,
)
from ci_core.errors import ConfigMissing, RefNotFound
from ci_core.locks import expected_internal_id
from ci_core.models import Project, User
from ci_core.repositories import Commit, Repository, open_repository
from ci_core.repositories.changes import CommitChanges
from ci_core.repositories.fetching import ProjectFetcher
from ci_core.statuses import PipelineSource
from ci_core.variables.given import GivenVariable
from ci_core.variables.merge_requests import MERGE_REQUEST_EVENT, MergeRequest, MergeRequestEvent
from ci_core.variables.predefined import RuleVariables, for_rules

NO_COMMIT: Final = "0" * 40
#: Name, in messages, of the configuration that consists of a trigger job's `include`.
INCLUDED: Final = "trigger:include"


@dataclass(frozen=True, slots=True)
class Upstream:
    """What a trigger job gives the pipeline that it creates. variables: predefined ones that tell of it.

    A child pipeline runs for the commit of its parent, with `config` in the place of the project's configuration;
    files: contents by path that this may include.
    """

    variables: Mapping[str, str]
    sha: str | None = None
    before_sha: str = NO_COMMIT
    config: str | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AskedMergeRequest:
    """A merge request to try a configuration for: into `target`, with what is to be told of it."""

    target: str
    iid: int = 1
    event: MergeRequestEvent = MergeRequestEvent.DETACHED
    title: str = ""
    description: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Situation:
    """What a configuration is compiled for.

    before_sha: the commit that the branch pointed to before a push, NO_COMMIT for a new branch. None: unknown; then a
    push is taken to have brought its last commit. schedule: the description of the schedule that fires. upstream: of a
    pipeline that a trigger job creates; tag: the ref of such a child pipeline is a tag. merge_request: one that the
    pipeline would run for, in place of `source`; the ref is its source branch. iid: what the pipeline's will be. None:
    the project's next one is expected. sha: a commit in place of the newest of the ref.
    """

    ref: str
    source: PipelineSource
    variables: Sequence[GivenVariable] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    before_sha: str | None = None
    schedule: str | None = None
    tag: bool = False
    upstream: Upstream | None = None
    merge_request: AskedMergeRequest | None = None
    iid: int | None = None
    sha: str | None = None

    @property
    def source_name(self) -> str:
        """`CI_PIPELINE_SOURCE`."""
        return self.source.value if self.merge_request is None else MERGE_REQUEST_EVENT


@dataclass(frozen=True, slots=True)
class Compiled:
    """A configuration that was compiled: for which commit and iid, and what came of it."""

    commit: Commit
    before_sha: str
    protected: bool
    iid: int
    variables: RuleVariables
    result: CompileResult

    @property
    def depends_on_iid(self) -> bool:
        """Whether the pipeline may be another one with another iid."""
        return any("CI_PIPELINE_IID" in text for text in self.result.sources.values())


def compile_project(
    project: Project, situation: Situation, *, acting_user: User | None, content: str | bytes | None = None
) -> Compiled:
    """Compiles a project's configuration, or `content` in its place, as if a pipeline were to be created.

    Includes and `rules:exists` see what the acting user may see; `content` sees no protected variables.
    Raises RefNotFound, RepositoryMissing, ConfigMissing.
    """
    repository = open_repository(project)
    upstream = situation.upstream
    commit = _commit(repository, situation)
    path = project.ci_config_path
    source: str | bytes | None
    if upstream is not None and upstream.config is not None:
        path, source = INCLUDED, upstream.config
    else:
        source = repository.read(commit.sha, path) if content is None else content
    if source is None:
        raise ConfigMissing(
            f"{commit.ref} has no file {path}: add one, or change the project's configuration path."
        )
    before_sha = _before(commit, situation)
    protected = not commit.tag and commit.ref == project.default_branch
    merge_request = _merge_request(repository, commit, situation)
    iid = situation.iid or expected_internal_id(project.pk, "pipelines")
    variables = for_rules(
        project,
        commit,
        source=situation.source_name,
        iid=iid,
        before_sha=before_sha,
        protected=protected,
        given=situation.variables,
        user=acting_user,
        schedule=situation.schedule,
        upstream=upstream.variables if upstream else None,
        merge_request=merge_request,
        own=content is None,
    )
    context = CompileContext(
        ref=commit.ref,
        source=situation.source_name,
        tag=commit.tag,
        variables=variables.values,
        predefined=variables.predefined,
        masked=variables.masked,
        raw=variables.raw,
        late=variables.late,
        scoped=variables.scoped,
        file_digest=partial(repository.digest, commit.sha),
        commit_digest=partial(repository.commit_digest, commit.sha),
        inputs=situation.inputs,
        fetcher=ProjectFetcher(
            project, repository, commit.sha, acting_user, upstream.files if upstream else None
        ),
        changes=CommitChanges(repository, commit.sha, _compared_with(before_sha, merge_request)),
    )
    result = compile_config(source, context, file=path, limits=configured_limits())
    return Compiled(commit, before_sha, protected, iid, variables, result)


def configured_limits() -> Limits:
    """The compiler's limits as the operator has set them. Raises ImproperlyConfigured for a name that is none."""
    try:
        return Limits.named(settings.PIPEYARD_CI_LIMITS)
    except ValueError as error:
        raise ImproperlyConfigured(f"PIPEYARD_CI_...: {error}") from None


def _compared_with(before_sha: str, merge_request: MergeRequest | None) -> str | None:
    """The commit that changes are relative to: of a merge request, the one where the branches parted.

    Source: https://docs.gitlab.com/ci/yaml/#ruleschanges
    """
    if merge_request is not None:
        return merge_request.base_sha
    return None if before_sha == NO_COMMIT else before_sha


def _merge_request(repository: Repository, commit: Commit, situation: Situation) -> MergeRequest | None:
    asked = situation.merge_request
    if asked is None:
        return None
    target = repository.resolve(asked.target)
    return MergeRequest(
        source_branch=commit.ref,
        target_branch=target.ref,
        source_sha=commit.sha,
        target_sha=target.sha,
        base_sha=repository.merge_base(target.sha, commit.sha) or target.sha,
        id=asked.iid,
        iid=asked.iid,
        event=asked.event,
        title=asked.title,
        description=asked.description,
        labels=asked.labels,
    )


def _commit(repository: Repository, situation: Situation) -> Commit:
    """What the pipeline runs for: the newest commit of the ref, or the one that a child pipeline's parent runs for."""
    upstream = situation.upstream
    if situation.sha is not None:
        named = repository.commit(situation.sha, situation.ref)
        if named is None:
            raise RefNotFound(f"The repository has no commit {situation.sha!r}.")
        return named
    if upstream is None or upstream.sha is None:
        return repository.resolve(situation.ref)
    commit = repository.commit(upstream.sha, situation.ref, situation.tag)
    if commit is None:
        raise RefNotFound(f"Commit {upstream.sha} of the parent pipeline is not in the repository any more.")
    return commit


def _before(commit: Commit, situation: Situation) -> str:
    """`CI_COMMIT_BEFORE_SHA`: zeros unless something was pushed to a branch that was there.

    Source: https://docs.gitlab.com/ci/variables/predefined_variables/
    """
    if situation.upstream is not None:
        return situation.upstream.before_sha
    if situation.source_name != PipelineSource.PUSH or commit.tag:
        return NO_COMMIT
    return situation.before_sha or commit.parent_sha or NO_COMMIT
