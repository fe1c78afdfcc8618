"""The errors a caller can cause: each a class with a code; the docstring is the default message."""

from __future__ import annotations

from typing import ClassVar


class CiError(Exception):
    """The request could not be carried out."""

    code: ClassVar[str] = "ci_error"

    def __init__(self, message: str | None = None, **fields: object) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.fields = fields
        super().__init__(self.message)


class NotFound(CiError):
    """The resource does not exist, or you may not see it."""

    code = "not_found"


class Forbidden(CiError):
    """You may see this resource, but you may not do this to it."""

    code = "forbidden"


class InvalidInput(CiError):
    """An argument has a value that cannot be used."""

    code = "invalid_input"


class ScheduleLimitReached(InvalidInput):
    """The project has as many pipeline schedules as a project may have."""

    code = "schedule_limit_reached"


class TriggerLimitReached(InvalidInput):
    """The project has as many trigger tokens as a project may have."""

    code = "trigger_limit_reached"


class PlayedTooOften(InvalidInput):
    """The schedule was run by hand a moment ago."""

    code = "played_too_often"


class TooManyTries(CiError):
    """Too many passwords were tried: wait ten minutes, or use a token."""

    code = "too_many_tries"


class RefNotFound(CiError):
    """The ref does not exist in the repository."""

    code = "ref_not_found"


class RepositoryMissing(CiError):
    """The project's repository is not there, or is not a git repository."""

    code = "repository_missing"


class ConfigMissing(CiError):
    """The commit has no CI configuration file."""

    code = "config_missing"


class PipelineFiltered(CiError):
    """The rules of the configuration left no job in the pipeline."""

    code = "pipeline_filtered"


class NotPlayable(CiError):
    """The job cannot be started by hand in its present status."""

    code = "not_playable"


class NotRetryable(CiError):
    """There is nothing to retry in its present status."""

    code = "not_retryable"


class NotCancelable(CiError):
    """There is nothing to cancel in its present status."""

    code = "not_cancelable"


class EnvironmentStateConflict(CiError):
    """The environment is not in a state in which this can be done to it."""

    code = "environment_state_conflict"


class NotErasable(CiError):
    """There is nothing to erase in its present status."""

    code = "not_erasable"


class DependencyMissing(CiError):
    """The job needs artifacts of another pipeline that are not there."""

    code = "dependency_missing"


class JobLimitReached(CiError):
    """The pipeline holds as many jobs as a pipeline can, retries included."""

    code = "job_limit_reached"


class JobNotRunning(CiError):
    """The job is not running any more."""

    code = "job_not_running"


class TraceOffsetMismatch(CiError):
    """The trace chunk does not start where the stored trace ends."""

    code = "trace_offset_mismatch"


class TraceTooLarge(CiError):
    """The trace is larger than this server accepts."""

    code = "trace_too_large"


class ArtifactTooLarge(CiError):
    """The artifact is larger than this server accepts."""

    code = "artifact_too_large"


class ArtifactInvalid(CiError):
    """The upload cannot be stored as an artifact."""

    code = "artifact_invalid"
