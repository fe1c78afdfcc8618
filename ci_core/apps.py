"""The Django app of the domain."""

from django.apps import AppConfig


class CiCoreConfig(AppConfig):
    """Models, actions and the admin of Pipeyard; no signals."""

    name = "ci_core"
    verbose_name = "Pipeyard"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Refuses to start with limits that nothing knows."""
        from ci_core.configuration import configured_limits

        configured_limits()
