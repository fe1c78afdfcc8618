"""Owns the ways in which a job can end early."""

from enum import Enum


class StopReason(Enum):
    """Why a job is stopped from outside; the order is the order of precedence."""

    INTERRUPTED = "the runner is shutting down"
    ABORTED = "the server ended the job"
    TIMED_OUT = "the job ran into its timeout"
    CANCELED = "the job was canceled"


class JobStopped(Exception):
    """The job was stopped from outside while a phase was running."""

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class ScriptFailed(Exception):
    """A script of the job ended with a non-zero exit code."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"exit code {exit_code}")
        self.exit_code = exit_code


class SystemFailure(Exception):
    """Something around the script failed (sources, artifacts, the machine); the job log shows the text."""


class ArchiveRefused(SystemFailure):
    """An archive is damaged, too large, or would write outside the project directory."""


class PayloadError(Exception):
    """The server handed out a job that cannot be read.

    `job_id` and `token` are set when at least these could be read, so that the job can be failed properly.
    """

    def __init__(self, message: str, job_id: int = 0, token: str = "") -> None:
        super().__init__(message)
        self.job_id = job_id
        self.token = token
