"""Users and their personal access tokens."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import Group, Permission
from django.db import transaction

from ci_core import clock, tokens
from ci_core.actions.schedules import stop_schedules_of
from ci_core.errors import InvalidInput
from ci_core.events import ringing
from ci_core.models import PersonalAccessToken, User

SCOPES: Final = frozenset({"read_api", "api"})


def create_user(
    username: str, password: str | None, *, name: str = "", email: str = "", admin: bool = False
) -> User:
    """A user who can sign in, without a password only by other means.

    An admin may also use the admin site and sees every project.
    """
    create = User.objects.create_superuser if admin else User.objects.create_user
    return create(username=username, email=email, password=password, name=name)


#: What `update_user` may change of a user's own row.
_OF_USERS: Final = frozenset({"username", "name", "email", "is_active", "is_staff", "is_superuser"})


@transaction.atomic
def update_user(
    user: User,
    *,
    groups: Iterable[Group] | None = None,
    permissions: Iterable[Permission] | None = None,
    **fields: Any,
) -> None:
    """Changes a user's name, address, rights or groups (`_OF_USERS`); what is not given stays.

    Schedules of a user who is blocked, or an admin no more, stop if they ran by that right alone.
    """
    if not fields.keys() <= _OF_USERS:
        raise TypeError(f"not for update_user: {fields.keys() - _OF_USERS}")
    if fields:
        User.objects.filter(pk=user.pk).update(**fields)
        stop_schedules_of(user)  # reads the user anew, with each schedule
        ringing.ring(ringing.user(user.pk))
    if groups is not None:
        user.groups.set(groups)
    if permissions is not None:
        user.user_permissions.set(permissions)


@transaction.atomic
def set_password(user: User, password: str | None) -> None:
    """Gives a user a new password; None: no password can sign in. Sessions opened with the old one end."""
    user.set_password(password)
    user.save(update_fields=["password"])
    ringing.ring(ringing.user(user.pk))


def create_personal_token(
    user: User, name: str, scopes: Collection[str], *, expires_at: datetime | None = None
) -> str:
    """A new token of a user; it is returned this once and only its digest is kept. Raises InvalidInput."""
    unknown = set(scopes) - SCOPES
    if unknown or not scopes:
        raise InvalidInput(f"A token's scopes are among {', '.join(sorted(SCOPES))}; got {sorted(scopes)}.")
    token = tokens.new_token(tokens.PERSONAL_PREFIX)
    PersonalAccessToken.objects.create(
        user=user,
        name=name,
        digest=tokens.digest(token),
        scopes=sorted(scopes),
        created_at=clock.now(),
        expires_at=expires_at,
    )
    return token


@transaction.atomic
def revoke_personal_token(token: PersonalAccessToken) -> None:
    """Makes a token worthless, for good."""
    PersonalAccessToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=clock.now())
    ringing.ring(ringing.user(token.user_id))
