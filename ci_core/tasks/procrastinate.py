"""Hands the procrastinate app to the tasks."""

from procrastinate import App


def on_app_ready(app: App) -> None:
    """Called by procrastinate once Django's apps are ready."""
