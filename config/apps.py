"""The Django app that brings the commands of the installation."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """`manage.py up`, `worker` and `seed`."""

    name = "config"
    verbose_name = "Installation"
