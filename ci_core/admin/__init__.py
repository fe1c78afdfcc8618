"""The support desk: Django's admin over the domain. It reads by queryset and writes by action."""

from ci_core.admin import (
    environments,
    groups,
    jobs,
    pipelines,
    projects,
    protections,
    runners,
    tasks,
    tokens,
    triggers,
    users,
    variables,
)

__all__ = [
    "environments",
    "groups",
    "jobs",
    "pipelines",
    "projects",
    "protections",
    "runners",
    "tasks",
    "tokens",
    "triggers",
    "users",
    "variables",
]
