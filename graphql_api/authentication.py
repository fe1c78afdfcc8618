"""Owns finding out who asks: by personal access token, or by session. Runs in threads: it reads the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils.crypto import constant_time_compare

from ci_core import clock, tokens
from ci_core.access import (
    Principal,
    anonymous,
    personal_token_principal,
    personal_token_principals,
    signed_in,
)
from ci_core.hydration import prepared_rows
from ci_core.models import User
from graphql_api.errors import Unauthenticated

#: Header of a personal access token, and the header in which runners send job tokens.
TOKEN_HEADER: Final = "private-token"  # noqa: S105 - a name
JOB_TOKEN_HEADER: Final = "job-token"  # noqa: S105 - a name
NOT_KNOWN: Final = "The token is not known here, or it has expired or was revoked."
SESSION_OVER: Final = "The session is over: sign in again."


def token_in(headers: Mapping[str, str]) -> str | None:
    """The personal access token that a request brings; None if it brings no key at all. Raises Unauthenticated.

    headers: by lower-case name.
    """
    if JOB_TOKEN_HEADER in headers:
        raise Unauthenticated("Job tokens do not open the GraphQL API: use a personal access token.")
    if TOKEN_HEADER in headers:
        return headers[TOKEN_HEADER].strip()
    given = headers.get("authorization")
    if given is None:
        return None
    scheme, _, token = given.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated(
            "The Authorization header must be: Bearer, a space, and a personal access token."
        )
    return token.strip()


def token_in_payload(payload: Mapping[str, Any] | None) -> str | None:
    """The token that a WebSocket client sends with connection_init: as a header of that name, or as `token`."""
    given = {str(name).lower(): value for name, value in (payload or {}).items() if isinstance(value, str)}
    return given["token"].strip() if "token" in given else token_in(given)


def principal_of_token(token: str) -> Principal:
    """On whose behalf a token acts. Raises Unauthenticated."""
    if token.startswith(tokens.JOB_PREFIX):
        raise Unauthenticated("Job tokens do not open the GraphQL API: use a personal access token.")
    principal = personal_token_principal(token)
    if principal is None:
        raise Unauthenticated(NOT_KNOWN)
    return principal


@dataclass(frozen=True, slots=True)
class Caller:
    """What somebody came with, kept to find out again who they are: a token, a session that is signed in, or nothing.

    digest: the token's.
    """

    digest: str | None = None
    session_key: str | None = None

    @classmethod
    def with_token(cls, token: str) -> Caller:
        """Somebody with a personal access token."""
        return cls(digest=tokens.digest(token))


def principals_of(callers: Sequence[Caller]) -> list[Principal | Unauthenticated]:
    """Who the callers are now, with at most three statements for all; the error of those whose key is not valid."""
    by_digest = personal_token_principals({caller.digest for caller in callers if caller.digest})
    by_session = _users_of_sessions({caller.session_key for caller in callers if caller.session_key})
    found: list[Principal | Unauthenticated] = []
    for caller in callers:
        if caller.digest is not None:
            found.append(by_digest.get(caller.digest) or Unauthenticated(NOT_KNOWN))
        elif caller.session_key is not None:
            user = by_session.get(caller.session_key)
            found.append(signed_in(user) if user is not None else Unauthenticated(SESSION_OVER))
        else:
            found.append(anonymous())
    return found


#: Hand-written, as is finding a token: most requests of a browser begin with these.
_SESSIONS: Final = "SELECT * FROM django_session WHERE session_key = ANY(%s::text[])"
_USERS: Final = "SELECT * FROM ci_core_user WHERE id = ANY(%s::bigint[])"


def _users_of_sessions(keys: set[str]) -> dict[str, User]:
    """Who is signed in with these sessions, by key. Asks of each what Django's `get_user` asks."""
    storable = [key for key in keys if "\0" not in key]
    rows = prepared_rows(Session, _SESSIONS, [storable]) if storable else []
    now, to_id = clock.now(), User._meta.pk.to_python
    sessions = {row.session_key: row.get_decoded() for row in rows if row.expire_date > now}
    ids = {key: to_id(data[SESSION_KEY]) for key, data in sessions.items() if SESSION_KEY in data}
    found = prepared_rows(User, _USERS, [list(set(ids.values()))]) if ids else []
    active = {user.pk: user for user in found if user.is_active}
    return {
        key: active[id_] for key, id_ in ids.items() if id_ in active and _is_of(active[id_], sessions[key])
    }


def _is_of(user: User, session: Mapping[str, Any]) -> bool:
    """Whether a session was opened with the password that the user has, and in a way that still counts."""
    given = session.get(HASH_SESSION_KEY, "")
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    known = any(constant_time_compare(given, expected) for expected in hashes)
    return known and session.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS


def principal_of_session(session_key: str | None) -> Principal:
    """Who is signed in with a session; nobody if it is not valid any more."""
    user = _users_of_sessions({session_key}).get(session_key) if session_key else None
    return signed_in(user) if user is not None else anonymous()
