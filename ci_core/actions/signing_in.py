"""Signing in with a password, which nobody may guess: a user name and an address have so many tries in a while.

Other secrets that somebody could try are counted with them, by address.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth import authenticate
from django.db import connection
from django.http import HttpRequest

from ci_core import clock
from ci_core.errors import TooManyTries
from ci_core.models import PasswordTries, User

#: How long tries are counted together, and so how long nobody gets in by password after the last one allowed.
WINDOW: Final = timedelta(minutes=10)

# The try is counted before the password is looked at: many at once would otherwise all find room for one more.
_COUNT: Final = """
INSERT INTO ci_core_passwordtries AS known (key, tries, began_at)
SELECT key, 1, %(now)s FROM unnest(%(keys)s::text[]) AS key ORDER BY key
ON CONFLICT (key) DO UPDATE SET
  tries = CASE WHEN known.began_at <= %(since)s THEN 1 ELSE known.tries + 1 END,
  began_at = CASE WHEN known.began_at <= %(since)s THEN excluded.began_at ELSE known.began_at END
RETURNING key, tries
"""
_TAKE_BACK: Final = "UPDATE ci_core_passwordtries SET tries = tries - 1 WHERE key = %(key)s AND tries > 0"


def sign_in(
    user_name: str, password: str, *, address: str | None, request: HttpRequest | None = None
) -> User | None:
    """The user with this name and password; None if there is none, or they may not sign in.

    Raises TooManyTries, also for the right password: after PIPEYARD_PASSWORD_TRIES of a user name, or
    PIPEYARD_PASSWORD_TRIES_PER_ADDRESS from an address, within ten minutes. GitLab locks an account as long after as
    many (https://docs.gitlab.com/security/unlock_user/). A name that does not exist is counted alike, so that the
    answer tells nothing. Every process counts in the same table.
    """
    by_name = _key("name", user_name.casefold())
    _count({by_name: settings.PIPEYARD_PASSWORD_TRIES, **_of_address(address)})
    user = authenticate(request, username=user_name, password=password)
    if not isinstance(user, User):
        return None
    PasswordTries.objects.filter(key=by_name).delete()
    take_back_try(address)
    return user


def count_try(address: str | None) -> None:
    """Counts a try of a secret that is nobody's by name, such as a trigger token, with the passwords from its address.

    Raises TooManyTries, also for the right secret. Whoever finds that it was no guess takes it back.
    """
    _count(_of_address(address), "Too many keys that nobody has came from this address: wait ten minutes.")


def take_back_try(address: str | None) -> None:
    """Makes the try from an address that was counted last no try."""
    if address is not None:
        with connection.cursor() as cursor:
            cursor.execute(_TAKE_BACK, {"key": _key("address", address)})


def _of_address(address: str | None) -> dict[str, int]:
    if address is None:
        return {}
    return {_key("address", address): settings.PIPEYARD_PASSWORD_TRIES_PER_ADDRESS}


def _count(limits: dict[str, int], message: str | None = None) -> None:
    """Counts a try under each key. Raises TooManyTries, with the message, where that is beyond its limit."""
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"keys": list(limits), "now": now, "since": now - WINDOW})
        if any(tries > limits[key] for key, tries in cursor.fetchall()):
            raise TooManyTries(message)


def forget_old_tries() -> int:
    """Deletes what does not count any more; returns how many rows."""
    return PasswordTries.objects.filter(began_at__lte=clock.now() - WINDOW).delete()[0]


def _key(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}:{value}".encode(errors="replace")).hexdigest()
