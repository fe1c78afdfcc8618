"""Owns the job as a runner gets it: the answer to `POST /jobs/request`.

Runners decode it strictly: a number where a text belongs, or the other way round, loses the job.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from ci_core import tokens
from ci_core.compiler.inputs.jobs import JobInput
from ci_core.dependencies import Dependency
from ci_core.handout import Handout
from ci_core.statuses import FailureReason
from ci_core.variables import JobVariable, repository_url

#: Commits that a clone gets when GIT_DEPTH says nothing; GitLab's default for new projects.
DEFAULT_DEPTH: Final = 20
_DEPTH: Final = re.compile(r"[0-9]{1,9}")
#: Reasons that a runner may report as they are; it maps others to one of these.
FAILURE_REASONS: Final = (
    FailureReason.UNKNOWN_FAILURE.value,
    FailureReason.SCRIPT_FAILURE.value,
    FailureReason.RUNNER_SYSTEM_FAILURE.value,
    FailureReason.JOB_EXECUTION_TIMEOUT.value,
    "job_canceled",
)
TOKEN_PREFIXES: Final = (tokens.PERSONAL_PREFIX, tokens.RUNNER_PREFIX, tokens.JOB_PREFIX)
_IMAGE: Final = ("name", "alias", "entrypoint", "command", "pull_policy", "executor_opts", "variables")
_ARTIFACT: Final = (
    "name",
    "untracked",
    "paths",
    "exclude",
    "when",
    "artifact_type",
    "artifact_format",
    "expire_in",
)
_CACHE: Final = ("key", "untracked", "policy", "paths", "when", "fallback_keys")


def payload(handout: Handout) -> dict[str, Any]:
    """Everything a runner needs to execute the job."""
    job, definition = handout.job, handout.definition
    return {
        "id": job.pk,
        "token": tokens.job_token(job),
        "allow_git_fetch": True,
        "job_info": _job_info(handout),
        "git_info": _git_info(handout),
        "runner_info": {"timeout": handout.timeout},
        "variables": [_variable(variable) for variable in handout.variables],
        "inputs": [_input(given) for given in handout.inputs],
        "steps": list(_steps(definition, handout.timeout)),
        "hooks": list(definition.get("hooks") or []),
        "image": _only(_IMAGE, definition["image"]) if definition.get("image") else None,
        "services": _each(_IMAGE, definition.get("services")),
        "artifacts": _each(_ARTIFACT, definition.get("artifacts")),
        "cache": _each(_CACHE, definition.get("cache")),
        "credentials": [],
        "dependencies": [_dependency(dependency) for dependency in handout.dependencies],
        "features": {
            "trace_sections": True,
            "token_mask_prefixes": list(TOKEN_PREFIXES),
            "failure_reasons": list(FAILURE_REASONS),
        },
    }


def _job_info(handout: Handout) -> dict[str, Any]:
    job, pipeline = handout.job, handout.pipeline
    waited = 0.0
    if job.started_at and job.queued_at:
        waited = max(0.0, (job.started_at - job.queued_at).total_seconds())
    info: dict[str, Any] = {
        "name": job.name,
        "stage": handout.stage.name,
        "pipeline_id": pipeline.pk,
        "project_id": pipeline.project_id,
        "project_name": pipeline.project.full_path.rpartition("/")[2],
        "project_full_path": pipeline.project.full_path,
        "time_in_queue_seconds": waited,
    }
    if job.user_id or pipeline.user_id:
        info["user_id"] = job.user_id or pipeline.user_id
    return info


def _git_info(handout: Handout) -> dict[str, Any]:
    pipeline = handout.pipeline
    depth = _depth(handout.variables)
    return {
        "repo_url": repository_url(handout.job, pipeline.project),
        "repo_object_format": "sha256" if len(pipeline.sha) > 40 else "sha1",
        "ref": pipeline.ref,
        "sha": pipeline.sha,
        "before_sha": pipeline.before_sha,
        "ref_type": "tag" if pipeline.tag else "branch",
        "refspecs": _refspecs(pipeline.pk, pipeline.sha, pipeline.ref, pipeline.tag, depth),
        "depth": depth,
        "protected": pipeline.protected,
    }


def _depth(variables: Sequence[JobVariable]) -> int:
    """GIT_DEPTH as the server has to evaluate it: runners do not read it. 0: everything."""
    given = [variable.value for variable in variables if variable.key == "GIT_DEPTH"]
    if not given or not _DEPTH.fullmatch(given[-1].strip()):
        return DEFAULT_DEPTH
    return int(given[-1])


def _refspecs(pipeline_id: int, sha: str, ref: str, tag: bool, depth: int) -> list[str]:
    """What to fetch, as GitLab says it: the commit itself, so that it is there although the ref has moved on."""
    commit = f"+{sha}:refs/pipelines/{pipeline_id}"
    if depth == 0:
        return [commit, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
    if tag:
        return [commit, f"+refs/tags/{ref}:refs/tags/{ref}"]
    return [commit, f"+refs/heads/{ref}:refs/remotes/origin/{ref}"]


def _variable(variable: JobVariable) -> dict[str, Any]:
    return {
        "key": variable.key,
        "value": variable.value,
        "public": variable.public,
        "file": variable.file,
        "masked": variable.masked,
        "raw": variable.raw,
    }


def _input(given: JobInput) -> dict[str, Any]:
    """Runners put it in the place of `${{ job.inputs.name }}` themselves."""
    return {
        "key": given.name,
        "value": {"type": given.type, "content": given.value, "sensitive": False},
    }


def _steps(definition: Mapping[str, Any], timeout: int) -> Iterator[dict[str, Any]]:
    """`before_script` and `script` are one step; runners know no other."""
    script = [*(definition.get("before_script") or []), *(definition.get("script") or [])]
    yield _step("script", script, timeout, when="on_success", allow_failure=False)
    if definition.get("after_script"):
        yield _step("after_script", definition["after_script"], timeout, when="always", allow_failure=True)


def _step(
    name: str, script: Iterable[str], timeout: int, *, when: str, allow_failure: bool
) -> dict[str, Any]:
    return {
        "name": name,
        "script": list(script),
        "timeout": timeout,
        "when": when,
        "allow_failure": allow_failure,
    }


def _dependency(dependency: Dependency) -> dict[str, Any]:
    return {
        "id": dependency.job.pk,
        "token": tokens.job_token(dependency.job),
        "name": dependency.job.name,
        "artifacts_file": {"filename": dependency.archive.filename, "size": dependency.archive.size},
    }


def _each(keys: Sequence[str], entries: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    return [_only(keys, entry) for entry in entries or []]


def _only(keys: Sequence[str], entry: Mapping[str, Any]) -> dict[str, Any]:
    """The members of an entry that runners know, without those that have no value."""
    return {key: entry[key] for key in keys if entry.get(key) is not None}
