"""Owns the mutations of protected environments: protect, unprotect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import strawberry

from ci_core import models
from ci_core.access import access_project
from ci_core.actions.environments import protect_environment, unprotect_environment
from ci_core.errors import InvalidInput
from graphql_api.context import Info
from graphql_api.fields import argument, leaf, rooted
from graphql_api.mutations.carrying_out import carry_out, client_mutation_id, payload_fields
from graphql_api.permissions import ADMINISTER
from graphql_api.types import references as refs
from graphql_api.types.protected_environments import ProtectedEnvironmentRole

#: Users that one protection can name.
MOST_USERS: Final = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a payload is made of."""

    client_mutation_id: str | None
    errors: list[str]
    protected_environment: models.ProtectedEnvironment | None = None


@strawberry.input(description="Which environment to protect, and who may deploy to it then.")
class EnvironmentProtectInput:
    """Input of environmentProtect."""

    project_path: strawberry.ID = strawberry.field(description="Path of the project, such as `group/shop`.")
    name: str = strawberry.field(description="Name of the environment, which need not exist yet.")
    role: ProtectedEnvironmentRole | None = strawberry.field(
        description="The least role that may deploy; left out, only the users may."
    )
    usernames: list[str] | None = strawberry.field(
        description=f"Members who may deploy besides, up to {MOST_USERS}."
    )
    client_mutation_id: str | None = client_mutation_id()


@strawberry.input(description="Which environment to protect no more.")
class EnvironmentUnprotectInput:
    """Input of environmentUnprotect."""

    project_path: strawberry.ID = strawberry.field(description="Path of the project, such as `group/shop`.")
    name: str = strawberry.field(description="Name of the environment.")
    client_mutation_id: str | None = client_mutation_id()


@strawberry.type(description="What came of environmentProtect.")
class EnvironmentProtectPayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    protected_environment = leaf(refs.PROTECTED_ENVIRONMENT | None, "The protection as it is now.")


@strawberry.type(description="What came of environmentUnprotect.")
class EnvironmentUnprotectPayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()


def _named(usernames: list[str]) -> list[models.User]:
    """The users of these names. Raises InvalidInput."""
    if len(usernames) > MOST_USERS:
        raise InvalidInput(f"usernames: {len(usernames)} are given; {MOST_USERS} are the most.")
    found = list(models.User.objects.filter(username__in=usernames, is_active=True))
    missing = sorted(set(usernames) - {user.username for user in found})
    if missing:
        raise InvalidInput(f"usernames: there is no user {missing[0]!r}.")
    return found


def _protect(info: Info, input: Annotated[EnvironmentProtectInput, argument("What to protect.")]) -> Outcome:
    project = access_project(input.project_path, info.context.principal, ADMINISTER)

    def action() -> models.ProtectedEnvironment:
        users = _named(input.usernames or [])
        level = None if input.role is None else int(input.role.value)
        return protect_environment(project, input.name, access_level=level, users=users)

    protected, errors = carry_out(info.context, action)
    return Outcome(input.client_mutation_id, errors, protected)


def _unprotect(
    info: Info, input: Annotated[EnvironmentUnprotectInput, argument("What to protect no more.")]
) -> Outcome:
    project = access_project(input.project_path, info.context.principal, ADMINISTER)

    def action() -> None:
        if not unprotect_environment(project, input.name):
            raise InvalidInput(f"name: {input.name[:80]!r} is not a protected environment.")

    _, errors = carry_out(info.context, action)
    return Outcome(input.client_mutation_id, errors)


@strawberry.type
class ProtectedEnvironmentMutations:
    """Part of Mutation."""

    environment_protect = rooted(
        EnvironmentProtectPayload | None,
        _protect,
        "Extension of Pipeyard: limits who may deploy to an environment; replaces an earlier limit. Takes a "
        "maintainer.",
    )
    environment_unprotect = rooted(
        EnvironmentUnprotectPayload | None,
        _unprotect,
        "Extension of Pipeyard: lifts the limit of who may deploy to an environment. Takes a maintainer.",
    )
