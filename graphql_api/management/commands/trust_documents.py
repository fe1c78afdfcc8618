"""Puts documents on the list of those that may be carried out when PIPEYARD_GRAPHQL_TRUSTED_ONLY is set."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from graphql import GraphQLError

from ci_core.actions.documents import trust_documents
from ci_core.models import PersistedDocument


class Command(BaseCommand):
    """`manage.py trust_documents FILE... [--replace]`."""

    help = (
        "Trusts GraphQL documents: those of a manifest (JSON: an object of documents by their SHA-256, or a "
        "manifest of Apollo's), or a .graphql file as one document."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Takes files and --replace."""
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--replace", action="store_true", help="Take all other documents off the list.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reads and checks all files, then trusts their documents; none, if one of them is wrong."""
        from graphql_api.documents import prepare
        from graphql_api.schema import schema

        texts = [text for file in options["files"] for text in _documents(file)]
        for text in texts:
            try:
                errors = prepare(text).errors(schema._schema)
            except GraphQLError as error:
                errors = [error]
            if errors:
                raise CommandError(f"{errors[0].message}\nin the document {text[:200]!r}")
        listed = trust_documents(texts, replace=options["replace"])
        self.stdout.write(f"trusted {len(texts)} documents; the list has {listed}")


def _documents(file: Path) -> Iterator[str]:
    """The documents of a file. Raises CommandError."""
    try:
        content = file.read_text(encoding="utf-8")
        if file.suffix != ".json":
            yield content
            return
        manifest = json.loads(content)
    except (OSError, ValueError) as error:
        raise CommandError(f"{file}: {error}") from None
    if isinstance(manifest, dict) and isinstance(manifest.get("operations"), list):
        named = [
            (item.get("id"), item.get("body")) for item in manifest["operations"] if isinstance(item, dict)
        ]
    elif isinstance(manifest, dict):
        named = list(manifest.items())
    else:
        raise CommandError(f"{file} is no manifest: it must be an object of documents by their SHA-256.")
    for name, text in named:
        if not isinstance(text, str):
            raise CommandError(f"{file}: the document {name!r} is not a string.")
        if (
            isinstance(name, str)
            and re.fullmatch(r"[0-9a-f]{64}", name)
            and name != PersistedDocument.digest_of(text)
        ):
            raise CommandError(f"{file}: {name} is not the SHA-256 of its document.")
        yield text
