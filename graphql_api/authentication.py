"""Owns finding out who asks: by personal access token, or by session. Runs in threads: it reads the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.utils.module_loading import import_string

from ci_core import tokens
from ci_core.access import Principal, anonymous, personal_token_principal, signed_in
from graphql_api.errors import Unauthenticated

#: Header of a personal access token, and the header in which runners send job tokens.
TOKEN_HEADER: Final = "private-token"  # noqa: S105 - a name
JOB_TOKEN_HEADER: Final = "job-token"  # noqa: S105 - a name


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
        raise Unauthenticated("The token is not known here, or it has expired or was revoked.")
    return principal


def principal_of_session(session_key: str | None) -> Principal:
    """Who is signed in with a session; nobody if it is not valid any more."""
    if not session_key:
        return anonymous()
    request = HttpRequest()
    request.session = import_string(f"{settings.SESSION_ENGINE}.SessionStore")(session_key)
    user = get_user(request)
    return signed_in(user) if user.is_authenticated else anonymous()
