"""`manage.py seed`: the sample projects and the demo user."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ci_core.actions.samples import seed
from config.env import ROOT


class Command(BaseCommand):
    """Argument parsing only; see ci_core.actions.samples."""

    help = (
        "Makes what is missing of the demo user, the local runner and the projects in fixtures/repositories."
    )
    # The checks import the web side, which this does not need.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        for line in seed(ROOT / "fixtures" / "repositories"):
            self.stdout.write(line)
