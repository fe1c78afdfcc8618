"""Owns the variable that somebody gives when they create a pipeline or start a job."""

from __future__ import annotations

from dataclasses import dataclass

from ci_core.models import VariableType


@dataclass(frozen=True, slots=True)
class GivenVariable:
    """A variable that somebody gives when they create a pipeline."""

    key: str
    value: str
    variable_type: str = VariableType.ENV_VAR.value
    raw: bool = False
