"""Writes the schema to graphql_api/schema.graphql, or checks that the file is up to date. Needs no database."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

FILE: Final = Path(__file__).resolve().parents[2] / "schema.graphql"


class Command(BaseCommand):
    """`manage.py export_schema [--check]`."""

    help = "Writes the GraphQL schema to graphql_api/schema.graphql."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Takes --check."""
        parser.add_argument(
            "--check",
            action="store_true",
            help="Write nothing; fail with a diff when the file is out of date.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Writes or checks."""
        from graphql_api.schema import schema

        wanted = schema.as_str().rstrip() + "\n"
        if not options["check"]:
            FILE.write_text(wanted, encoding="utf-8")
            self.stdout.write(f"wrote {FILE}")
            return
        stored = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
        if stored != wanted:
            diff = difflib.unified_diff(
                stored.splitlines(), wanted.splitlines(), "schema.graphql", "the code's schema", lineterm=""
            )
            raise CommandError(
                "schema.graphql is out of date; run manage.py export_schema.\n" + "\n".join(list(diff)[:200])
            )
