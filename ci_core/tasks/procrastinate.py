"""The procrastinate app that tasks are declared on."""

from typing import Final

from procrastinate import App, Blueprint

#: Queue of tasks that must be punctual; every worker keeps slots for it.
URGENT: Final = "urgent"

blueprint = Blueprint()


def on_app_ready(app: App) -> None:
    """Called by procrastinate once Django's apps are ready: registers the tasks."""
    from ci_core.tasks import bridges, periods  # noqa: F401 - declare the tasks

    app.add_tasks_from(blueprint, namespace="ci")
