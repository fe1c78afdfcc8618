"""Owns people."""

from __future__ import annotations

import strawberry

from ci_core import models
from graphql_api import links
from graphql_api.context import Info
from graphql_api.fields import batched, leaf
from graphql_api.node_ids import GlobalIds


def _email(parents: list[models.User], info: Info) -> list[str | None]:
    asking = info.context.principal.user
    return [
        user.email if asking is not None and (asking.is_superuser or asking.pk == user.pk) else None
        for user in parents
    ]


@strawberry.type(name="UserStatus", description="What a user says of themselves.")
class UserStatus:
    """Nobody has one here."""

    emoji = leaf(str | None, "A picture, by its name.")
    message = leaf(str | None, "A few words.")


@strawberry.type(name="UserCore", description="Somebody who uses this installation.")
class UserCore:
    """Its parent is a row of User."""

    id = leaf(strawberry.ID, "ID of the user.", GlobalIds("User"))
    username = leaf(str, "Name that the user signs in with.")
    name = leaf(str, "Full name; the username where there is none.", lambda user: user.name or user.username)
    email = batched(str | None, _email, "Email address; only told to the user and to administrators.")
    avatar_url = leaf(str | None, "Always null: users have no pictures here.", lambda user: None)
    status = leaf(UserStatus | None, "Always null: users say nothing of themselves here.", lambda user: None)
    web_path = leaf(str, "Path of the user's page.", lambda user: links.user(user.username))
    web_url = leaf(str, "URL of the user's page.", lambda user: links.absolute(links.user(user.username)))
