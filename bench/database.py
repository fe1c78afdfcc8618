"""A database for a benchmark: a fresh one on the embedded server, or the one of DATABASE_URL."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.supervisor.postgres import EmbeddedPostgres


@contextmanager
def database() -> Iterator[None]:
    """Sets Django up on an empty, migrated database; a durable one, as in production."""
    with tempfile.TemporaryDirectory(prefix="pipeyard-bench-") as home:
        os.environ.setdefault("PIPEYARD_HOME", home)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        server = None
        if "DATABASE_URL" not in os.environ:
            server = EmbeddedPostgres(Path(home))
            os.environ["DATABASE_URL"] = server.start(temporary=True)
        try:
            import django
            from django.core.management import call_command
            from django.db import connections

            django.setup()
            call_command("migrate", verbosity=0)
            yield
            connections.close_all()
            pool = getattr(connections["default"], "pool", None)
            if pool is not None:
                pool.close()
        finally:
            if server is not None:
                server.stop()
