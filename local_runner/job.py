"""Owns the job as the server hands it out: the members this runner uses, read leniently."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_runner.errors import PayloadError
from local_runner.inputs import with_inputs

DEFAULT_TIMEOUT_S = 7200
_SHA = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True)
class Variable:
    """One variable. `file`: the value is written to a file and the variable holds its path."""

    key: str
    value: str
    file: bool = False
    masked: bool = False
    raw: bool = False


@dataclass(frozen=True)
class GitInfo:
    """Where the sources are. `depth` in commits, 0 = all."""

    repo_url: str = ""
    ref: str = ""
    sha: str = ""
    refspecs: tuple[str, ...] = ()
    depth: int = 0


@dataclass(frozen=True)
class Step:
    """A named list of script lines, run by one bash."""

    name: str
    script: tuple[str, ...]


@dataclass(frozen=True)
class FileSelection:
    """Which files of the project directory are meant."""

    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    untracked: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing is selected at all."""
        return not self.paths and not self.untracked


@dataclass(frozen=True)
class ArtifactSpec:
    """One upload."""

    files: FileSelection
    name: str = ""
    when: str = "on_success"
    artifact_type: str = ""
    artifact_format: str = ""
    expire_in: str = ""


@dataclass(frozen=True)
class CacheSpec:
    """One cache archive to fetch before and store after the script."""

    files: FileSelection
    key: str = ""
    policy: str = "pull-push"
    when: str = "on_success"
    fallback_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dependency:
    """An earlier job whose artifact archive this job wants."""

    id: int
    name: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Job:
    """A job to run. `timeout_s` in seconds."""

    id: int
    token: str = field(repr=False)
    name: str = ""
    stage: str = ""
    project_id: int = 0
    project_path: str = ""
    allow_git_fetch: bool = True
    timeout_s: int = DEFAULT_TIMEOUT_S
    git: GitInfo = GitInfo()
    variables: tuple[Variable, ...] = ()
    steps: tuple[Step, ...] = ()
    artifacts: tuple[ArtifactSpec, ...] = ()
    caches: tuple[CacheSpec, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    trace_sections: bool = False
    token_mask_prefixes: tuple[str, ...] = ()
    failure_reasons: tuple[str, ...] = ()


def parse_job(payload: object) -> Job:
    """Read a job object. Raises PayloadError when it cannot be used."""
    if not isinstance(payload, Mapping):
        raise PayloadError("the job is not a JSON object")
    job_id, token = payload.get("id"), payload.get("token")
    if not isinstance(job_id, int) or not isinstance(token, str) or not token:
        raise PayloadError("the job has no id or no token")
    try:
        return _job(job_id, token, with_inputs(payload))
    except PayloadError as error:
        raise PayloadError(str(error), job_id, token) from None


def _job(job_id: int, token: str, payload: Mapping[str, Any]) -> Job:
    info, features = _object(payload, "job_info"), _object(payload, "features")
    timeout = _int(_object(payload, "runner_info"), "timeout")
    return Job(
        id=job_id,
        token=token,
        name=_text(info, "name"),
        stage=_text(info, "stage"),
        project_id=_int(info, "project_id"),
        project_path=_text(info, "project_full_path"),
        allow_git_fetch=_flag(payload, "allow_git_fetch"),
        timeout_s=timeout if timeout > 0 else DEFAULT_TIMEOUT_S,
        git=_git(_object(payload, "git_info")),
        variables=tuple(_variable(item) for item in _objects(payload, "variables")),
        steps=tuple(Step(_text(item, "name"), _texts(item, "script")) for item in _objects(payload, "steps")),
        artifacts=tuple(_artifact(item) for item in _objects(payload, "artifacts")),
        caches=tuple(_cache(item) for item in _objects(payload, "cache")),
        dependencies=tuple(_dependencies(payload)),
        trace_sections=_flag(features, "trace_sections"),
        token_mask_prefixes=_texts(features, "token_mask_prefixes"),
        failure_reasons=_texts(features, "failure_reasons"),
    )


def _git(item: Mapping[str, Any]) -> GitInfo:
    sha = _text(item, "sha")
    if sha and not _SHA.fullmatch(sha):
        raise PayloadError("git_info.sha is not a commit id")
    return GitInfo(
        repo_url=_text(item, "repo_url"),
        ref=_text(item, "ref"),
        sha=sha,
        refspecs=_texts(item, "refspecs"),
        depth=_int(item, "depth"),
    )


def _variable(item: Mapping[str, Any]) -> Variable:
    return Variable(
        key=_text(item, "key"),
        value=_text(item, "value"),
        file=_flag(item, "file"),
        masked=_flag(item, "masked"),
        raw=_flag(item, "raw"),
    )


def _files(item: Mapping[str, Any]) -> FileSelection:
    return FileSelection(_texts(item, "paths"), _texts(item, "exclude"), _flag(item, "untracked"))


def _artifact(item: Mapping[str, Any]) -> ArtifactSpec:
    return ArtifactSpec(
        files=_files(item),
        name=_text(item, "name"),
        when=_text(item, "when") or "on_success",
        artifact_type=_text(item, "artifact_type"),
        artifact_format=_text(item, "artifact_format"),
        expire_in=_text(item, "expire_in"),
    )


def _cache(item: Mapping[str, Any]) -> CacheSpec:
    return CacheSpec(
        files=_files(item),
        key=_text(item, "key"),
        policy=_text(item, "policy") or "pull-push",
        when=_text(item, "when") or "on_success",
        fallback_keys=_texts(item, "fallback_keys"),
    )


def _dependencies(payload: Mapping[str, Any]) -> list[Dependency]:
    """Those that have an artifact archive."""
    return [
        Dependency(id=_int(item, "id"), name=_text(item, "name"), token=_text(item, "token"))
        for item in _objects(payload, "dependencies")
        if _text(_object(item, "artifacts_file"), "filename")
    ]


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or not _is_encodable(value):
        raise PayloadError(f"{key} is not a text")
    return value


def _int(item: Mapping[str, Any], key: str) -> int:
    value = item.get(key)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise PayloadError(f"{key} is not a whole number")
    return value


def _flag(item: Mapping[str, Any], key: str) -> bool:
    return bool(item.get(key))


def _object(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = item.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise PayloadError(f"{key} is not an object")
    return value


def _objects(item: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = item.get(key) or []
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise PayloadError(f"{key} is not a list of objects")
    return value


def _texts(item: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = item.get(key) or []
    if not isinstance(value, list) or not all(
        isinstance(entry, str) and _is_encodable(entry) for entry in value
    ):
        raise PayloadError(f"{key} is not a list of texts")
    return tuple(value)


def _is_encodable(text: str) -> bool:
    """False for half a surrogate pair, which JSON can hold but no file, log or environment can."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
