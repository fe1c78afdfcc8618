"""Owns the inputs of jobs: what a job declares, how its definition keeps that, and the values of one run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ci_core.compiler.diagnostics import At, PlainMark, quote_list
from ci_core.compiler.inputs.spec import InputSpec, read_inputs
from ci_core.compiler.inputs.values import from_text, has_type, misfit
from ci_core.compiler.session import Session

_KEYS: Final = ("type", "default", "description", "options", "regex")
_NOWHERE: Final = At(None, "inputs", PlainMark(""))
#: Lists in lists, and items in all of them, that a value may have.
_MAX_DEPTH: Final = 20
_MAX_ITEMS: Final = 10_000
#: Whole numbers are kept in 64 bits.
_NUMBERS: Final = 1 << 63
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
_TOO_MUCH: Final = (
    "cannot be kept: it holds a text with NUL or half a character, a number beyond 64 bits, "
    f"more than {_MAX_ITEMS} items or more than {_MAX_DEPTH} lists in lists"
)
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
            continue
        if not has_type(spec.default, spec.type):
            continue  # reported already
        problem = misfit(spec, spec.default, spec.options) if _can_be_kept(spec.default) else _TOO_MUCH
        if problem is not None:
            session.report.error(f"The default of the input {spec.name} {problem}.", spec.at, "inputs")
        for option in spec.options or ():
            if not _can_be_kept(option):
                session.report.error(f"An option of the input {spec.name} {_TOO_MUCH}.", spec.at, "inputs")
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
        problem = misfit(spec, value, spec.options) if _can_be_kept(value) else _TOO_MUCH
        if problem is not None:
            problems.append(f"the input '{name}' {problem}")
        found[name] = value
    if problems:
        raise JobInputError("; ".join(problems[:_MOST_PROBLEMS]))
    return found


def _can_be_kept(value: Any) -> bool:
    """Whether database and runner can hold a value: JSON and YAML can say more than they take."""
    waiting, items = [(value, 0)], 0
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, str):
            if _NO_TEXT.search(item):
                return False
        elif isinstance(item, list | dict):
            items += len(item)
            if items > _MAX_ITEMS or depth == _MAX_DEPTH:
                return False
            parts = item if isinstance(item, list) else (part for pair in item.items() for part in pair)
            waiting.extend((part, depth + 1) for part in parts)
        elif isinstance(item, float):
            if not math.isfinite(item):
                return False
        elif isinstance(item, int) and not -_NUMBERS <= item < _NUMBERS:
            return False
    return True


def values_of(specs: Iterable[InputSpec], given: Mapping[str, Any] | None) -> list[JobInput]:
    """The inputs of one run: the values that were given for it, and the defaults of the others."""
    chosen = given or {}
    return [JobInput(spec.name, spec.type, chosen.get(spec.name, spec.default)) for spec in specs]
