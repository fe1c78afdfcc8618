"""`manage.py worker`: runs background tasks."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from django.core.management.base import BaseCommand
from procrastinate.app import WorkerOptions
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector

from ci_core.tasks.procrastinate import URGENT

GENERAL_OPTIONS: Final = WorkerOptions(
    name="general", concurrency=4, delete_jobs="successful", shutdown_graceful_timeout=10
)
URGENT_OPTIONS: Final = WorkerOptions(
    name="urgent",
    queues=[URGENT],
    concurrency=2,
    delete_jobs="successful",
    shutdown_graceful_timeout=10,
    install_signal_handlers=False,
)


class Command(BaseCommand):
    """Argument parsing only; the tasks are in ci_core.tasks."""

    help = "Runs background tasks until it is told to stop."
    # The checks import the web side, which this does not need.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(self._work())

    async def _work(self) -> None:
        connector = app.connector
        assert isinstance(connector, DjangoConnector)
        worker_app = app.with_connector(connector.get_worker_connector())
        async with worker_app.open_async():
            # What must be punctual has slots of its own, so that it never waits behind long tasks.
            urgent = asyncio.create_task(worker_app.run_worker_async(**URGENT_OPTIONS))
            try:
                await worker_app.run_worker_async(**GENERAL_OPTIONS)
            finally:
                urgent.cancel()
                await asyncio.gather(urgent, return_exceptions=True)
