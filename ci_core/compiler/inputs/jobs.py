"""Owns the inputs of jobs: what a job declares, how its definition keeps that, and the values of one run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ci_core.compiler.diagnostics import At, PlainMark, quote_list
from ci_core.compiler.inputs.spec import InputSpec, read_inputs
from ci_core.compiler.inputs.values import from_text, has_type, misfit
from ci_core.compiler.session import Session

_KEYS: Final = ("type", "default", "description", "options", "regex")
_NOWHERE: Final = At(None, "inputs", PlainMark(""))
#: Lists in lists that a value may have.
_MAX_DEPTH: Final = 20
_MOST_PROBLEMS: Final = 5


class JobInputError(ValueError):
    """Values that a job does not take."""


@dataclass(frozen=True, slots=True)
class JobInput:
    """An input of a job with the value that it has in one run."""

    name: str
    type: str
    value: Any


def parse_job_inputs(session: Session, value: Any, at: At) -> tuple[InputSpec, ...]:
    """The inputs that a job declares; each has a default, since nobody may be there to give a value.

    Source: docs.gitlab.com/ci/jobs/job_inputs/#input-configuration
    """
    specs = tuple(read_inputs(session, value, at, "inputs", _KEYS).values())
    for spec in specs:
        if not spec.has_default:
            text = f"The input {spec.name} of a job must have a default value. Write default: under it."
            session.report.error(text, spec.at, "inputs")
        elif has_type(spec.default, spec.type):  # another type is reported already
            problem = misfit(spec, spec.default, spec.options)
            if problem is not None:
                session.report.error(f"The default of the input {spec.name} {problem}.", spec.at, "inputs")
    return specs


def to_json(specs: Iterable[InputSpec]) -> list[dict[str, Any]]:
    """Declared inputs as a job's definition keeps them."""
    return [
        {
            "name": spec.name,
            "type": spec.type,
            "default": spec.default,
            "description": spec.description,
            "options": None if spec.options is None else list(spec.options),
            "regex": spec.regex,
        }
        for spec in specs
    ]


def from_json(stored: Iterable[Mapping[str, Any]] | None) -> list[InputSpec]:
    """The inputs that a job's definition keeps; none if it keeps none."""
    return [
        InputSpec(
            name=entry["name"],
            at=_NOWHERE,
            type=entry["type"],
            default=entry["default"],
            has_default=True,
            options=None if entry["options"] is None else tuple(entry["options"]),
            regex=entry["regex"],
            description=entry["description"],
        )
        for entry in stored or ()
    ]


def check_given(specs: Sequence[InputSpec], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that somebody gives for one run of a job, by name; None stands for the default.

    A list may be given as JSON text. Raises JobInputError, which names each input at fault.
    Source: docs.gitlab.com/ci/jobs/job_inputs/#input-types
    """
    known = {spec.name: spec for spec in specs}
    found: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in given.items():
        spec = known.get(name)
        if spec is None:
            there = f"it has {quote_list(known)}" if known else "it has no inputs; leave them out"
            problems.append(f"the job does not declare the input '{name[:60]}': {there}")
            continue
        if value is None:
            continue
        if spec.type == "array" and isinstance(value, str):
            value = from_text(value, spec.type)
        problem = misfit(spec, value, spec.options)
        if problem is None and not _can_be_kept(value, _MAX_DEPTH):
            problem = f"holds a text with NUL or half a character, or more than {_MAX_DEPTH} lists in lists"
        if problem is not None:
            problems.append(f"the input '{name}' {problem}")
        found[name] = value
    if problems:
        raise JobInputError("; ".join(problems[:_MOST_PROBLEMS]))
    return found


def _can_be_kept(value: Any, depth: int) -> bool:
    """Whether the database and the runner can hold a value: JSON text can say more than they take."""
    if isinstance(value, str):
        return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, list):
        return depth > 0 and all(_can_be_kept(item, depth - 1) for item in value)
    if isinstance(value, dict):
        return depth > 0 and all(_can_be_kept(part, depth - 1) for entry in value.items() for part in entry)
    return not isinstance(value, float) or math.isfinite(value)


def values_of(specs: Iterable[InputSpec], given: Mapping[str, Any] | None) -> list[JobInput]:
    """The inputs of one run: the values that were given for it, and the defaults of the others."""
    chosen = given or {}
    return [JobInput(spec.name, spec.type, chosen.get(spec.name, spec.default)) for spec in specs]
