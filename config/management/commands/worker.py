"""`manage.py worker`: runs background tasks, and relays the bell where there is Redis."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from django.conf import settings
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

    help = "Runs background tasks until it is told to stop. With REDIS_URL set, one of the workers relays what changed."
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
            beside = [asyncio.create_task(worker_app.run_worker_async(**URGENT_OPTIONS))]
            if settings.PIPEYARD_REDIS_URL is not None:
                # Imported where it is used: without Redis there is no need to wait for its client.
                from ci_core.events import relay

                beside.append(asyncio.create_task(relay.run(), name="pipeyard-relay"))
            try:
                await worker_app.run_worker_async(**GENERAL_OPTIONS)
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
