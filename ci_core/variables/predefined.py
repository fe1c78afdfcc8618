"""Predefined variables. Source: https://docs.gitlab.com/ci/variables/predefined_variables/"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from ci_core.compiler import ScopedVariable
from ci_core.models import GroupVariable, Project, ProjectVariable, User
from ci_core.names import slug
from ci_core.repositories import Commit
from ci_core.statuses import PipelineSource
from ci_core.variables.given import GivenVariable
from ci_core.variables.merge_requests import MERGE_REQUEST_EVENT, MergeRequest, of_merge_request
from ci_core.variables.stored import of_project as stored_variables

#: Names of the variables that tell who asked for something.
OF_USER: Final = ("GITLAB_USER_EMAIL", "GITLAB_USER_ID", "GITLAB_USER_LOGIN", "GITLAB_USER_NAME")
#: Names that are known when jobs are decided on, but not yet while files are included.
LATE: Final = frozenset(
    {
        "CI_CONFIG_REF_URI",
        "CI_PIPELINE_IID",
        "CI_PIPELINE_TRIGGERED",
        *OF_USER,
    }
)
#: Bytes of a commit's message that its variables hold.
LONGEST_MESSAGE: Final = 100_000


def of_server() -> dict[str, str]:
    """Variables that tell about this server."""
    url = settings.PIPEYARD_EXTERNAL_URL
    parts = urlsplit(url)
    major, minor, patch = [*settings.PIPEYARD_VERSION.split("."), "0", "0"][:3]
    return {
        "CI": "true",
        "GITLAB_CI": "true",
        "CI_SERVER_URL": url,
        "CI_SERVER_HOST": parts.hostname or "",
        "CI_SERVER_FQDN": parts.netloc,
        "CI_SERVER_PORT": str(parts.port or (443 if parts.scheme == "https" else 80)),
        "CI_SERVER_PROTOCOL": parts.scheme,
        "CI_SERVER_NAME": "Pipeyard",
        "CI_SERVER_VERSION": settings.PIPEYARD_VERSION,
        "CI_SERVER_VERSION_MAJOR": major,
        "CI_SERVER_VERSION_MINOR": minor,
        "CI_SERVER_VERSION_PATCH": patch,
        "CI_SERVER_REVISION": settings.PIPEYARD_REVISION,
        "CI_SERVER_SHELL_SSH_HOST": parts.hostname or "",
        "CI_SERVER_SHELL_SSH_PORT": "22",
        "CI_TEMPLATE_REGISTRY_HOST": settings.PIPEYARD_TEMPLATE_REGISTRY_HOST,
        "GITLAB_FEATURES": "",
        "CI_API_V4_URL": f"{url}/api/v4",
        "CI_API_GRAPHQL_URL": f"{url}/api/graphql",
    }


def of_project(project: Project) -> dict[str, str]:
    """Variables that tell about a project."""
    namespace, _, name = project.full_path.rpartition("/")
    root = namespace.partition("/")[0]
    # A namespace is a group; one that is no group here has no id, either.
    group = {} if project.group_id is None else {"CI_PROJECT_NAMESPACE_ID": str(project.group_id)}
    return {
        **group,
        "CI_PROJECT_ID": str(project.pk),
        "CI_PROJECT_NAME": name,
        "CI_PROJECT_TITLE": project.name,
        "CI_PROJECT_DESCRIPTION": project.description,
        "CI_PROJECT_PATH": project.full_path,
        "CI_PROJECT_PATH_SLUG": slug(project.full_path),
        "CI_PROJECT_NAMESPACE": namespace,
        "CI_PROJECT_NAMESPACE_SLUG": slug(namespace),
        "CI_PROJECT_ROOT_NAMESPACE": root,
        "CI_PROJECT_ROOT_NAMESPACE_SLUG": slug(root),
        "CI_PROJECT_URL": f"{settings.PIPEYARD_EXTERNAL_URL}/{project.full_path}",
        "CI_PROJECT_VISIBILITY": project.visibility,
        "CI_DEFAULT_BRANCH": project.default_branch,
        "CI_DEFAULT_BRANCH_SLUG": slug(project.default_branch),
        "CI_CONFIG_PATH": project.ci_config_path,
    }


def of_commit(commit: Commit, before_sha: str, protected: bool, source: str) -> dict[str, str]:
    """Variables that tell about the commit and the ref that a pipeline runs for; source: what asked for it."""
    message = _cut(commit.message)
    author = f"{commit.author_name} <{commit.author_email}>"
    return {
        "CI_COMMIT_SHA": commit.sha,
        "CI_COMMIT_SHORT_SHA": commit.sha[:8],
        "CI_COMMIT_BEFORE_SHA": before_sha,
        "CI_COMMIT_REF_NAME": commit.ref,
        "CI_COMMIT_REF_SLUG": slug(commit.ref),
        "CI_COMMIT_REF_PROTECTED": "true" if protected else "false",
        "CI_COMMIT_MESSAGE": message,
        "CI_COMMIT_MESSAGE_IS_TRUNCATED": "true" if len(message) < len(commit.message) else "false",
        "CI_COMMIT_TITLE": _cut(commit.full_title),
        "CI_COMMIT_DESCRIPTION": _cut(commit.description or ""),
        "CI_COMMIT_AUTHOR": author,
        "CI_COMMIT_USER_LOGIN": "",  # addresses of users are not public here, so that none is an author's
        "CI_COMMIT_TIMESTAMP": commit.committed_at.isoformat(),
        **_of_ref(commit, source),
    }


def _cut(text: str) -> str:
    return text.encode()[:LONGEST_MESSAGE].decode(errors="ignore")


def of_config(project: Project, commit: Commit) -> dict[str, str]:
    """The variable that tells where the configuration is read."""
    host = urlsplit(settings.PIPEYARD_EXTERNAL_URL).netloc
    ref = f"refs/{'tags' if commit.tag else 'heads'}/{commit.ref}"
    return {"CI_CONFIG_REF_URI": f"{host}/{project.full_path}//{project.ci_config_path}@{ref}"}


def _of_ref(commit: Commit, source: str) -> dict[str, str]:
    if commit.tag:
        return {"CI_COMMIT_TAG": commit.ref, "CI_COMMIT_TAG_MESSAGE": commit.tag_message}
    return {} if source == MERGE_REQUEST_EVENT else {"CI_COMMIT_BRANCH": commit.ref}


def of_source(source: str, iid: int, schedule: str | None = None) -> dict[str, str]:
    """Variables that tell what asked for the pipeline; `schedule` is the description of its schedule."""
    found = {
        "CI_PIPELINE_SOURCE": source,
        "CI_PIPELINE_IID": str(iid),
    }
    if source == PipelineSource.TRIGGER:
        found["CI_PIPELINE_TRIGGERED"] = "true"
    if schedule is not None:
        found["CI_PIPELINE_SCHEDULE_DESCRIPTION"] = schedule
    return found


def of_upstream(pipeline_id: int, project_id: int, job_id: int) -> dict[str, str]:
    """Variables that tell a downstream pipeline which trigger job created it, and where that is."""
    return {
        "CI_UPSTREAM_PIPELINE_ID": str(pipeline_id),
        "CI_UPSTREAM_PROJECT_ID": str(project_id),
        "CI_UPSTREAM_JOB_ID": str(job_id),
    }


def of_user(user: User | None) -> dict[str, str]:
    """Variables that tell who asked for the pipeline."""
    if user is None:
        return {}
    return {
        "GITLAB_USER_ID": str(user.pk),
        "GITLAB_USER_LOGIN": user.username,
        "GITLAB_USER_NAME": user.name or user.username,
        "GITLAB_USER_EMAIL": user.email,
    }


@dataclass(frozen=True, slots=True)
class RuleVariables:
    """Variables that are known when a pipeline is created, the weaker source overridden by the stronger.

    predefined: names that the configuration may override. masked: names whose values are secret. raw: names whose
    values are not expanded. late: names that are not known yet while files are included. scoped: those for jobs with
    an environment, the stronger later.
    """

    values: dict[str, str]
    predefined: frozenset[str]
    masked: frozenset[str]
    raw: frozenset[str]
    late: frozenset[str]
    scoped: tuple[ScopedVariable, ...] = ()


def for_rules(
    project: Project,
    commit: Commit,
    *,
    source: str,
    iid: int,
    before_sha: str,
    protected: bool,
    given: Sequence[GivenVariable],
    user: User | None = None,
    schedule: str | None = None,
    upstream: Mapping[str, str] | None = None,
    merge_request: MergeRequest | None = None,
    own: bool = True,
) -> RuleVariables:
    """What `rules:if`, `include` and names of environments see when a pipeline is created; later sources win.

    Precedence: https://docs.gitlab.com/ci/variables/#cicd-variable-precedence. The configuration's own variables
    are added by the compiler. Protected variables are left out unless the ref is protected and the configuration its
    own (`own`): another could tell them to whoever tries it. What exists only once the pipeline or its jobs do
    (CI_PIPELINE_ID, CI_JOB_ID, ...) is not among them.
    """
    predefined = {
        **of_server(),
        **of_project(project),
        **of_commit(commit, before_sha, protected, source),
        **of_config(project, commit),
        **of_source(source, iid, schedule),
        **(upstream or {}),
        **(of_merge_request(project, merge_request) if merge_request else {}),
        **of_user(user),
    }
    shown = [item for item in stored_variables(project) if (protected and own) or not item.protected]
    stored = {item.key: item for item in shown if item.environment_scope == "*"}
    overriding = {
        **{variable.key: variable.value for variable in stored.values()},
        **{variable.key: variable.value for variable in given},
    }
    return RuleVariables(
        values={**predefined, **overriding},
        predefined=frozenset(predefined.keys() - overriding.keys()),
        masked=frozenset(item.key for item in stored.values() if item.masked or item.hidden),
        raw=frozenset(predefined)
        | frozenset(item.key for item in stored.values() if item.raw)
        | frozenset(item.key for item in given if item.raw),
        late=LATE - overriding.keys(),
        scoped=_scoped(shown, {item.key for item in given}),
    )


def _scoped(shown: Sequence[GroupVariable | ProjectVariable], given: set[str]) -> tuple[ScopedVariable, ...]:
    """Of the keys that have a value for some environments, all values but those that a given one overrides."""
    keys = {item.key for item in shown if item.environment_scope != "*"} - given
    return tuple(
        ScopedVariable(
            item.key, item.value, item.environment_scope, masked=item.masked or item.hidden, raw=item.raw
        )
        for item in shown
        if item.key in keys
    )
