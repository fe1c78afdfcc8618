"""Owns the variable that somebody gives when they create a pipeline or start a job, and what its key may be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ci_core.errors import InvalidInput
from ci_core.models import VariableType

#: What a key looks like (https://docs.gitlab.com/ci/variables/#define-a-cicd-variable-in-the-ui).
_KEY: Final = re.compile(r"[A-Za-z0-9_]+")
#: Characters of a key.
LONGEST_KEY: Final = 255
#: Variables that one pipeline or job is given at most.
MOST_GIVEN: Final = 1000


@dataclass(frozen=True, slots=True)
class GivenVariable:
    """A variable that somebody gives when they create a pipeline."""

    key: str
    value: str
    variable_type: str = VariableType.ENV_VAR.value
    raw: bool = False


def check_key(key: str) -> None:
    """Raises InvalidInput for what cannot be the key of a variable."""
    if not _KEY.fullmatch(key) or len(key) > LONGEST_KEY:
        raise InvalidInput(
            f"{key[:80]!r} is not the key of a variable: letters, digits and _ only, {LONGEST_KEY} at most.",
            field="variables",
        )


def check_variables(variables: Sequence[GivenVariable]) -> None:
    """Raises InvalidInput for too many variables, or one of which the key cannot be one."""
    if len(variables) > MOST_GIVEN:
        raise InvalidInput(
            f"variables: there are {len(variables)}; {MOST_GIVEN} are the most.", field="variables"
        )
    for variable in variables:
        check_key(variable.key)
