"""`manage.py web`: the web server."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.env import read_env
from config.web.address import bound_socket


class Command(BaseCommand):
    """The address, and as many processes as the operator wants; see config.web."""

    help = "Serves HTTP and WebSockets at PIPEYARD_BIND and PORT, with PIPEYARD_WEB_PROCESSES processes."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        env = read_env()
        try:
            listener = bound_socket(env.bind, env.port)
        except OSError as error:
            raise CommandError(f"Port {env.port} of {env.bind} cannot be used: {error.strerror}.") from error
        # Not before the port is ours: it imports everything.
        from config.web.server import serve

        serve(listener, env.web_processes, env.keep_alive_seconds)
