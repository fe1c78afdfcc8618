"""What a trigger job passes on to its pipeline: variables, and the configuration of a child."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ci_core import archives, clock
from ci_core.compiler import expand
from ci_core.configuration import Upstream
from ci_core.errors import ArtifactInvalid, InvalidInput, RefNotFound
from ci_core.models import Artifact, Environment, Job, Pipeline, PipelineVariable, Stage
from ci_core.repositories import open_repository
from ci_core.variables import JobVariable, job_variables
from ci_core.variables.given import GivenVariable
from ci_core.variables.predefined import of_upstream

#: Variables that the plan gives a job because it is one of several; they say nothing of another pipeline's jobs.
_OWN: Final = frozenset({"CI_NODE_INDEX", "CI_NODE_TOTAL"})


def forwarded_variables(
    pipeline: Pipeline, job: Job, definition: Mapping[str, Any], *, child: bool
) -> tuple[list[GivenVariable], Mapping[str, str]]:
    """The variables that the downstream pipeline is given, and all that the trigger job itself knows.

    `forward:yaml_variables` passes on the variables that the configuration gives the trigger job, with their values
    expanded; `forward:pipeline_variables` those of its pipeline as they are, which win
    (https://docs.gitlab.com/ci/yaml/#triggerforward). What it was played or retried with is passed on,
    too. Raises RepositoryMissing, RefNotFound.
    """
    known = _known(pipeline, job, definition, child=child)
    values = {variable.key: variable.value for variable in known}
    raw = frozenset(variable.key for variable in known if variable.raw)
    forward = definition["trigger"]["forward"]
    given: dict[str, GivenVariable] = {}
    if forward["yaml_variables"]:
        for entry in definition["variables"]:
            key, value = entry["key"], str(entry["value"])
            if key in _OWN:
                continue
            if not entry.get("raw"):
                value = expand(value, values, raw=raw)
            given[key] = GivenVariable(key, value, raw=bool(entry.get("raw")))
    for own in job.given_variables or ():
        given[own["key"]] = GivenVariable(own["key"], own["value"], own["variable_type"])
    if forward["pipeline_variables"]:
        for variable in PipelineVariable.objects.in_pipeline(pipeline.pk).order_by("pipeline_id", "id"):
            given[variable.key] = GivenVariable(
                variable.key, variable.value, variable.variable_type, variable.raw
            )
    return list(given.values()), values


def _known(pipeline: Pipeline, job: Job, definition: Mapping[str, Any], *, child: bool) -> list[JobVariable]:
    """All variables of a trigger job. Another project is not told protected ones of this project."""
    commit = open_repository(pipeline.project).commit(pipeline.sha, pipeline.ref, pipeline.tag)
    if commit is None:
        raise RefNotFound(f"Commit {pipeline.sha} is not in the repository any more.")
    environment = None
    if job.environment_name:
        environment = Environment.objects.filter(project_id=job.project_id, name=job.environment_name).first()
    stage = Stage.objects.by_ids([job.stage_id]).get()
    known = job_variables(job, stage, pipeline, commit, definition, environment, None)
    if child:
        return known
    protected = set(pipeline.project.variables.filter(protected=True).values_list("key", flat=True))
    return [variable for variable in known if variable.key not in protected]


def included_config(
    pipeline: Pipeline, job: Job, trigger: Mapping[str, Any], known: Mapping[str, str], *, child: bool
) -> Upstream:
    """Where the downstream pipeline comes from; of a child also its configuration, which includes the given files.

    Files of artifacts are read here, so that the compiler finds them beside those of the repository. Raises
    ArtifactInvalid, InvalidInput.
    """
    variables = of_upstream(pipeline.pk, pipeline.project_id, job.pk)
    if not child:
        return Upstream(variables)
    files: dict[str, bytes] = {}
    entries = []
    for entry in trigger["include"]:
        if "artifact" in entry:
            path, content = _artifact(pipeline, entry, known)
            files[path] = content
            entry = {"local": path.replace("$", "$$"), "inputs": entry.get("inputs")}
        entries.append(entry)
    return Upstream(
        variables,
        sha=pipeline.sha,
        before_sha=pipeline.before_sha,
        config=json.dumps({"include": entries}),
        files=files,
    )


def _artifact(pipeline: Pipeline, entry: Mapping[str, Any], known: Mapping[str, str]) -> tuple[str, bytes]:
    """The name and the content of a file that an earlier job of the pipeline made.

    Source: https://docs.gitlab.com/ci/pipelines/downstream_pipelines/#dynamic-child-pipelines
    """
    path, name = expand(entry["artifact"], known), expand(entry["job"], known)
    if "*" in path:
        raise InvalidInput(f"trigger:include:artifact {path} must name one file.")
    archive = _archive(Job.objects.in_pipeline(pipeline.pk).latest_copies().filter(name=name))
    if archive is None:
        raise ArtifactInvalid(f"Job {name}, which trigger:include names, has no artifacts (any more).")
    return f"artifacts of {name.replace('*', '+')}/{path}", archives.read_member(archive, path)


def _archive(jobs: Any) -> Artifact | None:
    ids: Sequence[int] = list(jobs.values_list("id", flat=True))
    found: Artifact | None = Artifact.objects.of_jobs(ids).archives_at(clock.now()).first()
    return found
