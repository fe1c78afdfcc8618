"""Variables of projects and of groups: set, and deleted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction

from ci_core.errors import InvalidInput
from ci_core.models import (
    Group,
    GroupVariable,
    Project,
    ProjectVariable,
    VariableType,
)
from ci_core.variables.given import check_key

#: A masked value is looked for in job logs: a short one would be found everywhere, one with spaces or lines not at all
#: (https://docs.gitlab.com/ci/variables/#mask-a-cicd-variable).
_MASKABLE: Final = re.compile(r"\S{8,}")


@dataclass(frozen=True, slots=True)
class VariableSettings:
    """How jobs get a variable, and who may see it."""

    variable_type: VariableType = VariableType.ENV_VAR
    protected: bool = False
    masked: bool = False
    hidden: bool = False
    raw: bool = False
    description: str = ""


@transaction.atomic
def set_variable(
    project: Project,
    key: str,
    value: str | None,
    settings: VariableSettings,
    *,
    environment_scope: str = "*",
) -> ProjectVariable:
    """Creates a project's variable of this key and scope, or changes it. value: None keeps the one it has.

    Raises InvalidInput for a key that cannot be one, for a new variable without a value, for a masked value that could
    not be masked, and when a hidden variable would be shown again.
    """
    stored: ProjectVariable = _set(project.variables, key, value, settings, environment_scope)
    return stored


@transaction.atomic
def set_group_variable(
    group: Group, key: str, value: str | None, settings: VariableSettings, *, environment_scope: str = "*"
) -> GroupVariable:
    """Creates a group's variable, or changes it; as `set_variable` does for a project."""
    stored: GroupVariable = _set(group.variables, key, value, settings, environment_scope)
    return stored


def _set(rows: Any, key: str, value: str | None, settings: VariableSettings, environment_scope: str) -> Any:
    check_key(key)
    found = rows.select_for_update(no_key=True).filter(key=key, environment_scope=environment_scope).first()
    if value is None and found is None:
        raise InvalidInput("A new variable needs a value.")
    if found is not None and found.hidden and not settings.hidden:
        raise InvalidInput("A hidden variable stays hidden: delete it and set it anew.")
    stored = found.value if value is None and found is not None else value or ""
    if (settings.masked or settings.hidden) and not _MASKABLE.fullmatch(stored):
        raise InvalidInput("A masked value has 8 characters or more, and no spaces or line breaks.")
    variable, _ = rows.update_or_create(
        key=key,
        environment_scope=environment_scope,
        defaults={
            "value": stored,
            "variable_type": settings.variable_type.value,
            "protected": settings.protected,
            "masked": settings.masked or settings.hidden,
            "hidden": settings.hidden,
            "raw": settings.raw,
            "description": settings.description,
        },
    )
    return variable


def delete_variable(variable: ProjectVariable | GroupVariable) -> None:
    """Removes a variable."""
    variable.delete()
