"""`manage.py up`: starts everything and watches over it."""

from __future__ import annotations

import asyncio
from typing import Any

from django.core.management.base import BaseCommand

from config.env import read_env
from config.supervisor.installation import Installation


class Command(BaseCommand):
    """Argument parsing only; see config.supervisor."""

    help = "Starts the database, web server, background worker and local runner, and stops them on Ctrl-C or SIGTERM."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        raise SystemExit(asyncio.run(Installation(read_env()).run()))
