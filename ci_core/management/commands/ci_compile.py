"""`manage.py ci_compile`: compiles the configuration of a working tree and prints plan, warnings and reasons."""

from __future__ import annotations

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from ci_core.management.compiling import add_arguments, run


class Command(BaseCommand):
    """Argument parsing only. Neither the database nor any check is needed."""

    help = "Compiles the configuration of a working tree; exit code 1 when it has errors."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        out: Any = getattr(
            self.stdout, "_out", sys.stdout
        )  # the wrapper would end each write with a line break
        configured = [f"{name}={value}" for name, value in settings.PIPEYARD_CI_LIMITS.items()]
        code = run({**options, "limit": [*configured, *options["limit"]]}, out)
        if code:
            sys.exit(code)
