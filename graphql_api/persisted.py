"""Owns documents that clients name by their digest instead of sending them, and the list of those that are trusted.

`extensions.persistedQuery` is what Apollo's clients send: first the digest alone; if it is not known, once the document
with it (https://www.apollographql.com/docs/apollo-server/performance/apq). With PIPEYARD_GRAPHQL_TRUSTED_ONLY
nothing is carried out but the documents on the list, however they are sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from django.conf import settings
from graphql import GraphQLError

from ci_core.models import PersistedDocument
from graphql_api.recent import Recent

#: Seconds for which a process does not look again at what it knows of a document: so long one that was taken off the
#: list may still be carried out.
TRUSTED_SECONDS: Final = 30
#: Characters of documents that a process knows by their digest, all together.
KNOWN_CHARACTERS: Final = 4 * 1024 * 1024
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class _Known:
    """What a process knows of a document. since: when it was read, in seconds."""

    text: str
    trusted: bool
    since: float


_RECENT: Final[Recent[_Known]] = Recent(KNOWN_CHARACTERS)


def digest_in(extensions: Mapping[str, Any]) -> str | None:
    """The digest that a client names a document by; None if it does not. Raises GraphQLError."""
    given = extensions.get("persistedQuery")
    if given is None:
        return None
    digest = given.get("sha256Hash") if isinstance(given, dict) and given.get("version") == 1 else None
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise GraphQLError(
            "persistedQuery must be {version: 1, sha256Hash: the SHA-256 of the document in hexadecimal}.",
            extensions={"code": "bad_request"},
        )
    return digest


def document_of(text: str | None, digest: str | None) -> str:
    """The document that is meant. Reads the database, unless the process knows. Raises GraphQLError.

    text: as the client sent it. digest: as `digest_in` gives it. One of them is there.
    """
    if text and digest and PersistedDocument.digest_of(text) != digest:
        raise GraphQLError(
            "provided sha does not match query", extensions={"code": "PERSISTED_QUERY_HASH_MISMATCH"}
        )
    if text and not settings.PIPEYARD_GRAPHQL_TRUSTED_ONLY:
        return text
    found = _look_up(digest or PersistedDocument.digest_of(text or ""))
    if settings.PIPEYARD_GRAPHQL_TRUSTED_ONLY and not (found and found[1]):
        raise GraphQLError(
            "Only documents that the operator has put on the list are carried out here.",
            extensions={"code": "document_not_trusted"},
        )
    if found is not None:
        return found[0]
    if settings.PIPEYARD_GRAPHQL_PERSISTED_LIMIT == 0:
        # As Apollo's clients know it: they then send documents whole.
        raise GraphQLError("PersistedQueryNotSupported", extensions={"code": "PERSISTED_QUERY_NOT_SUPPORTED"})
    raise GraphQLError("PersistedQueryNotFound", extensions={"code": "PERSISTED_QUERY_NOT_FOUND"})


def is_new(digest: str) -> bool:
    """Whether a document that a client sent with its digest should be kept: documents are, and this one is not yet."""
    if settings.PIPEYARD_GRAPHQL_TRUSTED_ONLY or settings.PIPEYARD_GRAPHQL_PERSISTED_LIMIT == 0:
        return False
    return _look_up(digest) is None


def _look_up(digest: str) -> tuple[str, bool] | None:
    """The document of a digest, and whether it is trusted."""
    known = _RECENT.get(digest)
    if known is None or monotonic() - known.since > TRUSTED_SECONDS:
        row = PersistedDocument.objects.filter(pk=digest).first()
        if row is None:
            return None
        known = _Known(row.text, row.trusted, monotonic())
        _RECENT.put(digest, known, len(known.text))
    return known.text, known.trusted
