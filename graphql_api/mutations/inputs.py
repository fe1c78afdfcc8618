"""Owns input types that several mutations take."""

from __future__ import annotations

from typing import Any

import strawberry

from ci_core.variables.given import GivenVariable
from graphql_api.scalars import CiInputsValueInputType
from graphql_api.types.enums_things import CiVariableType


@strawberry.input(description="A variable that is given to a pipeline or a job.")
class CiVariableInput:
    """A variable."""

    key: str = strawberry.field(description="Name of the variable.")
    value: str = strawberry.field(description="Value of the variable.")
    variable_type: CiVariableType | None = strawberry.field(
        description="How jobs get it; in their environment by default."
    )


def given_variables(variables: list[CiVariableInput] | None) -> list[GivenVariable]:
    """The variables as actions take them."""
    return [
        GivenVariable(
            given.key, given.value, str(given.variable_type.value if given.variable_type else "env_var")
        )
        for given in variables or ()
    ]


@strawberry.input(description="A value for an input of a configuration or of a job.")
class CiInputsInput:
    """An input."""

    name: str = strawberry.field(description="Name of the input.")
    value: CiInputsValueInputType | None = strawberry.field(description="Value of the input.")
    destroy: bool | None = strawberry.field(
        description="Removes the input from a pipeline schedule; ignored elsewhere."
    )


def given_inputs(inputs: list[CiInputsInput] | None) -> dict[str, Any]:
    """The inputs as actions take them: values by name."""
    return {given.name: given.value for given in inputs or ()}
