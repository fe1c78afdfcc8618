"""Users and their personal access tokens."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from ci_core import clock, tokens
from ci_core.errors import InvalidInput
from ci_core.models import PersonalAccessToken, User

SCOPES: Final = frozenset({"read_api", "api"})


def create_user(
    username: str, password: str, *, name: str = "", email: str = "", admin: bool = False
) -> User:
    """A user who can sign in; an admin may also use the admin site and sees every project."""
    create = User.objects.create_superuser if admin else User.objects.create_user
    return create(username=username, email=email, password=password, name=name)


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


def revoke_personal_token(token: PersonalAccessToken) -> None:
    """Makes a token worthless, for good."""
    PersonalAccessToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=clock.now())
