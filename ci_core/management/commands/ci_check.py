"""`manage.py ci_check`: names everything that contradicts itself; ends with status 1 if there is anything."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ci_core.actions.checks import check


class Command(BaseCommand):
    """Argument parsing only. May run at any time: it holds one pipeline at a time, and changes nothing."""

    help = (
        "Looks for contradictions in pipelines, the queue, timers, resources, deployments and the event log."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--first", type=int, default=0, help="Id of the pipeline to begin with.")
        parser.add_argument("--at-most", type=int, default=None, help="Pipelines to check.")

    def handle(self, *args: Any, **options: Any) -> None:
        found = 0
        for contradiction in check(first=options["first"], at_most=options["at_most"]):
            self.stdout.write(str(contradiction))
            found += 1
        if found:
            self.stderr.write(f"{found} contradictions.")
            sys.exit(1)
        self.stdout.write("No contradiction.")
