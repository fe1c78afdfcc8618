"""Owns what runners ask and tell: their registration, their polls, and their reports of jobs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self

from ci_core.compiler.durations import parse_duration
from ci_core.errors import ArtifactInvalid, InvalidInput
from ci_core.models import RunnerAccessLevel
from ci_core.statuses import FailureReason, Status
from runner_api.wire.fields import Fields

#: System id of clients that send none; GitLab's own word for them.
NO_SYSTEM_ID: Final = "<legacy>"
#: Texts in `info`, and how many tags a runner may have.
_INFO: Final = ("name", "version", "revision", "platform", "architecture", "executor")
MAX_TAGS: Final = 50
#: Characters of a log that comes whole.
MAX_TRACE: Final = 5 * 1024 * 1024
#: Largest job timeout of a runner, seconds.
_MAX_TIMEOUT: Final = 30 * 24 * 3600
_INT_32: Final = 2**31
_RANGE: Final = re.compile(r"(?:bytes[ =])?([0-9]{1,15})-[0-9]{0,15}(?:/[0-9*]{1,15})?")
_CRC_32: Final = re.compile(r"crc32:([0-9a-fA-F]{1,8})")

# Reasons that runners give and Pipeyard has no word of its own for; source: how the runner itself maps them for a
# server that does not list them (runner-protocol.md, section 6).
_REASONS: Final[Mapping[str, FailureReason]] = {
    "": FailureReason.SCRIPT_FAILURE,
    "image_pull_failure": FailureReason.RUNNER_SYSTEM_FAILURE,
    "runner_external_dependency_failure": FailureReason.RUNNER_SYSTEM_FAILURE,
    "runner_configuration_error": FailureReason.SCRIPT_FAILURE,
    **{reason.value: reason for reason in FailureReason},
}


@dataclass(frozen=True, slots=True)
class Caller:
    """The machine that calls. info: what it says of itself, in the form of `actions.runners.touch_runner`."""

    system_id: str
    info: Mapping[str, Any]

    @classmethod
    def of(cls, fields: Fields) -> Self:
        """Reads the caller of a verification or a poll; a system id that is no text or too long counts as none."""
        info = fields.nested("info")
        try:
            system_id = fields.text("system_id", 64)
        except InvalidInput:
            system_id = ""
        told: dict[str, Any] = {name: _told(info, name) for name in _INFO}
        return cls(
            system_id=system_id or NO_SYSTEM_ID,
            info={**told, "features": info.nested("features").flags()} if info else {},
        )


def _told(info: Fields, name: str) -> str:
    """A text that a runner tells; one that is no text, or too long, counts as none."""
    try:
        return info.text(name, 255)
    except InvalidInput:
        return ""


@dataclass(frozen=True, slots=True)
class Registration:
    """What a runner that registers with a registration token wants to be."""

    description: str
    maintenance_note: str
    tags: list[str]
    run_untagged: bool
    locked: bool
    paused: bool
    access_level: RunnerAccessLevel
    maximum_timeout: int | None

    @classmethod
    def of(cls, fields: Fields) -> Self:
        """Reads a registration. Raises InvalidInput."""
        try:
            level = RunnerAccessLevel(fields.text("access_level") or RunnerAccessLevel.NOT_PROTECTED)
        except ValueError:
            raise InvalidInput(f"access_level must be one of {', '.join(RunnerAccessLevel)}.") from None
        active = fields.flag("active", True)
        return cls(
            description=fields.text("description") or _told(fields.nested("info"), "name"),
            maintenance_note=fields.text("maintenance_note") or fields.text("maintainer_note"),
            tags=fields.texts("tag_list", most=MAX_TAGS),
            run_untagged=fields.flag("run_untagged", True),
            locked=fields.flag("locked", True),
            paused=fields.flag("paused", not active),
            access_level=level,
            maximum_timeout=fields.number("maximum_timeout", least=1, most=_MAX_TIMEOUT),
        )

    def settings(self) -> dict[str, Any]:
        """The registration as arguments of `actions.runners.register_runner`."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class JobReport:
    """What a runner tells of a job. state: None for a sign of life. size, checksum: of the log it sent.

    trace: the whole log, which some older clients send along with their last report.
    """

    state: Status | None
    reason: FailureReason
    exit_code: int | None
    size: int
    checksum: int | None
    trace: bytes | None

    @classmethod
    def of(cls, fields: Fields) -> Self:
        """Reads a report. Raises InvalidInput for a state that does not exist.

        Whatever else is strange counts as not told: a report that is refused would come again and again.
        """
        state = fields.text("state") or "running"
        if state not in ("pending", "running", "success", "failed"):
            raise InvalidInput(f"state must be running, success or failed, not {state[:40]!r}.")
        output = fields.nested("output")
        trace = fields.text("trace", MAX_TRACE)
        return cls(
            state=Status(state) if state in (Status.SUCCESS, Status.FAILED) else None,
            reason=_REASONS.get(_told(fields, "failure_reason"), FailureReason.UNKNOWN_FAILURE),
            exit_code=_counted(fields, "exit_code", least=-_INT_32, most=_INT_32 - 1),
            size=_counted(output, "bytesize", least=0, most=2**53) or 0,
            checksum=_crc(_told(output, "checksum") or _told(fields, "checksum")),
            trace=trace.encode() if trace else None,
        )


def _counted(fields: Fields, name: str, *, least: int, most: int) -> int | None:
    """A number that a runner tells; one that cannot be (or not be stored) counts as none."""
    try:
        return fields.number(name, least=least, most=most)
    except InvalidInput:
        return None


def _crc(text: str) -> int | None:
    """The CRC-32 in `crc32:1a2b3c4d`; None for any other kind of checksum."""
    match = _CRC_32.fullmatch(text)
    return int(match[1], 16) if match else None


def chunk_start(content_range: str) -> int:
    """Where a piece of a log starts, by its Content-Range `start-end`. Raises InvalidInput.

    The end is not looked at: runners disagree on whether it is the last byte or the one after it.
    """
    match = _RANGE.fullmatch(content_range.strip())
    if match is None:
        raise InvalidInput("The header Content-Range must be <first byte>-<last byte>, for example 0-99.")
    return int(match[1])


@dataclass(frozen=True, slots=True)
class Upload:
    """How an uploaded file is to be kept. lives: None for good."""

    file_type: str
    file_format: str
    lives: timedelta | None

    @classmethod
    def of(cls, fields: Fields) -> Self:
        """Reads it from the query or the form, where a client may send it. Raises ArtifactInvalid."""
        return cls(
            file_type=fields.text("artifact_type") or "archive",
            file_format=fields.text("artifact_format") or "zip",
            lives=_lives(fields.text("expire_in")),
        )


def _lives(text: str) -> timedelta | None:
    """Source: https://docs.gitlab.com/ci/yaml/#artifactsexpire_in"""
    if not text.strip() or text.strip().lower() == "never":
        return None
    seconds = parse_duration(text)
    if seconds is None:
        raise ArtifactInvalid(
            f"expire_in must be a duration such as '1 week', or 'never', not {text[:60]!r}."
        )
    return timedelta(seconds=seconds)
