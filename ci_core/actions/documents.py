"""Documents of the GraphQL API that clients name by their digest: those that clients sent, and those on the list."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction

from ci_core import clock
from ci_core.models import PersistedDocument


@transaction.atomic
def remember_document(text: str) -> None:
    """Keeps a document that a client sent. Beyond PIPEYARD_GRAPHQL_PERSISTED_LIMIT the oldest are forgotten."""
    row = PersistedDocument(digest=PersistedDocument.digest_of(text), text=text, created_at=clock.now())
    PersistedDocument.objects.bulk_create([row], ignore_conflicts=True)
    oldest = PersistedDocument.objects.filter(trusted=False).order_by("-created_at", "-digest")
    limit = settings.PIPEYARD_GRAPHQL_PERSISTED_LIMIT
    PersistedDocument.objects.filter(
        digest__in=list(oldest.values_list("digest", flat=True)[limit:])
    ).delete()


@transaction.atomic
def trust_documents(texts: Iterable[str], *, replace: bool = False) -> int:
    """Puts documents on the list of those that operators trust; returns how many the list has then.

    replace: takes all others off the list.
    """
    now = clock.now()
    rows = {
        PersistedDocument.digest_of(text): PersistedDocument(
            digest=PersistedDocument.digest_of(text), text=text, trusted=True, created_at=now
        )
        for text in texts
    }
    PersistedDocument.objects.bulk_create(
        rows.values(), update_conflicts=True, unique_fields=["digest"], update_fields=["trusted"]
    )
    if replace:
        PersistedDocument.objects.filter(trusted=True).exclude(digest__in=list(rows)).delete()
    return PersistedDocument.objects.filter(trusted=True).count()
