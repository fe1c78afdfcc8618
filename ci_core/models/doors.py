"""What the doors remember: tries of passwords, and documents of the GraphQL API."""

from __future__ import annotations

import hashlib

from django.db import models


class PasswordTries(models.Model):
    """How often a password was tried for one user name, or from one address, since `began_at`.

    The table is unlogged: it is written with every try, and worth nothing after a crash.
    """

    #: SHA-256 of the kind and the value: what people type as a user name may be anything, a password included.
    key = models.CharField(max_length=64, primary_key=True)
    tries = models.IntegerField()
    began_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.tries} tries"


class PersistedDocument(models.Model):
    """A document of the GraphQL API that clients may name by its digest.

    trusted: an operator put it on the list; others were sent by clients, and the oldest of them are forgotten.
    """

    #: SHA-256 of the text in UTF-8, hexadecimal.
    digest = models.CharField(max_length=64, primary_key=True)
    text = models.TextField()
    trusted = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], name="ci_document_by_age", condition=models.Q(trusted=False))
        ]

    @staticmethod
    def digest_of(text: str) -> str:
        """The digest of a document, by which it is named."""
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()

    def __str__(self) -> str:
        return self.digest
