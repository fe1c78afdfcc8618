"""`manage.py partitions`: makes the partitions that the next pipelines will need."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ci_core.actions.upkeep import make_partitions


class Command(BaseCommand):
    """Argument parsing only; the worker does the same every hour."""

    help = "Makes the partitions that the next pipelines will need, and names them."

    def handle(self, *args: Any, **options: Any) -> None:
        for name in make_partitions():
            self.stdout.write(name)
