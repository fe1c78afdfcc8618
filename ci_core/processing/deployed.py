"""What a job's success means for its environment: it is up, stopped, or lives longer; and where it is."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ci_core import clock, deployments, storage
from ci_core.compiler import expand
from ci_core.decisions.deployments import auto_stop_at
from ci_core.decisions.dotenv import MAX_SIZE, parse_dotenv
from ci_core.errors import RepositoryMissing
from ci_core.models import (
    Artifact,
    Deployment,
    Environment,
    EnvironmentState,
    Job,
    JobDefinition,
    JobKind,
    Pipeline,
    Stage,
)
from ci_core.repositories import open_repository
from ci_core.variables import job_variables

#: Longest URL that is stored.
MAX_URL: Final = 1024
#: Variables that must not end up in a URL that everybody sees.
_SECRET: Final = frozenset({"CI_JOB_TOKEN", "CI_REPOSITORY_URL"})


def note_success(pipeline: Pipeline, job: Job) -> None:
    """Brings the environment of a job that has just succeeded up to date; the caller holds the pipeline.

    By `environment:action` (https://docs.gitlab.com/ci/yaml/#environmentaction): `start` makes it available, `stop`
    stopped, `prepare` and `access` count the time until it stops by itself anew, `verify` changes nothing.
    """
    definition = JobDefinition.objects.by_ids([job.definition_id]).get().content
    own: Mapping[str, Any] = definition.get("environment") or {}
    action = own.get("action")
    environment = Environment.objects.filter(project_id=job.project_id, name=job.environment_name).first()
    if environment is None or action in (None, "verify"):
        return
    now = clock.now()
    if action == "stop":
        _store(environment, state=EnvironmentState.STOPPED.value, auto_stop_at=None, stopping_since=None)
    elif action == "start":
        deployment = Deployment.objects.filter(job_id=job.pk).first()
        url = environment_url(pipeline, job, definition, environment)
        _store(
            environment,
            state=EnvironmentState.AVAILABLE.value,
            stopping_since=None,
            auto_stop_at=auto_stop_at(deployment.auto_stop_in if deployment else None, now),
            **({"external_url": url} if url else {}),
            **({"tier": own["tier"]} if own.get("tier") else {}),
        )
    else:
        newest = deployments.newest_success(environment.pk)
        if newest is not None and newest.auto_stop_in is not None:
            _store(environment, auto_stop_at=auto_stop_at(newest.auto_stop_in, now))


def _store(environment: Environment, **fields: Any) -> None:
    Environment.objects.filter(pk=environment.pk).update(updated_at=clock.now(), **fields)


def environment_url(
    pipeline: Pipeline, job: Job, definition: Mapping[str, Any], environment: Environment
) -> str | None:
    """The URL a deployment gives its environment; None to leave the one it has.

    Variables that only the job knew, those of its dotenv report included, are put in
    (https://docs.gitlab.com/ci/environments/#set-a-dynamic-environment-url). What is no URL then is left out.
    """
    url: str | None = (definition.get("environment") or {}).get("url")
    if url and "$" in url:
        variables = _job_time_variables(pipeline, job, definition, environment)
        url = expand(url, variables) if variables is not None else None
    if not url or len(url) > MAX_URL or "$" in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def _job_time_variables(
    pipeline: Pipeline, job: Job, definition: Mapping[str, Any], environment: Environment
) -> dict[str, str] | None:
    """What the job's variables were, without secrets; None when its commit or runner is gone."""
    stage = Stage.objects.by_ids([job.stage_id]).get()
    try:
        commit = open_repository(pipeline.project).commit(pipeline.sha, pipeline.ref, pipeline.tag)
    except RepositoryMissing:
        return None
    if commit is None or (job.runner is None and job.kind != JobKind.BRIDGE):
        return None
    variables = job_variables(job, stage, pipeline, commit, definition, environment, job.runner)
    return {
        **{item.key: item.value for item in variables if not item.masked and item.key not in _SECRET},
        **_reported(job),
    }


def _reported(job: Job) -> dict[str, str]:
    """Variables of the job's dotenv report."""
    report = Artifact.objects.of_jobs([job.pk]).filter(file_type="dotenv").first()
    if report is None:
        return {}
    try:
        with storage.open_blob(report.blob) as stored:
            if report.file_format != "gzip":
                return parse_dotenv(stored.read(MAX_SIZE))
            with gzip.open(stored) as unpacked:
                return parse_dotenv(unpacked.read(MAX_SIZE))
    except (OSError, EOFError, zlib.error):
        return {}
