"""CI/CD variables: of a group, of a project, and of one pipeline."""

from __future__ import annotations

from enum import StrEnum

from django.db import models

from ci_core.models.choices import choices, one_of
from ci_core.models.groups import Group
from ci_core.models.pipelines import pipeline_reference
from ci_core.models.projects import Project
from ci_core.models.querysets import GroupVariableQuerySet, InPipelineQuerySet


class VariableType(StrEnum):
    """How a job gets a variable: in its environment, or as the path of a file with the value."""

    ENV_VAR = "env_var"
    FILE = "file"


class StoredVariable(models.Model):
    """What variables of projects and groups have."""

    key = models.CharField(max_length=255)
    value = models.TextField(blank=True)
    variable_type = models.CharField(
        max_length=16, choices=choices(VariableType), default=VariableType.ENV_VAR
    )
    environment_scope = models.CharField(max_length=255, default="*")
    protected = models.BooleanField(default=False, help_text="Only for pipelines of protected refs.")
    masked = models.BooleanField(default=False, help_text="Hidden in job logs.")
    hidden = models.BooleanField(default=False, help_text="Never shown again, not even to maintainers.")
    raw = models.BooleanField(
        default=False, help_text="References to other variables in it are not expanded."
    )
    description = models.CharField(max_length=255, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.key


class ProjectVariable(StoredVariable):
    """A variable that the project's jobs get."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="variables")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "key", "environment_scope"], name="ci_project_variable_once"
            ),
            one_of(VariableType, "variable_type", "ci_project_variable_type"),
        ]


class GroupVariable(StoredVariable):
    """A variable that the jobs of all projects in the group get."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="variables")

    objects = GroupVariableQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["group", "key", "environment_scope"], name="ci_group_variable_once"
            ),
            one_of(VariableType, "variable_type", "ci_group_variable_type"),
        ]


class PipelineVariable(models.Model):
    """A variable given when a pipeline was created. Partitioned; `id = pipeline.id << 16 | n`."""

    id = models.BigIntegerField(primary_key=True)
    pipeline = pipeline_reference("variables")
    key = models.CharField(max_length=255)
    value = models.TextField(blank=True)
    variable_type = models.CharField(
        max_length=16, choices=choices(VariableType), default=VariableType.ENV_VAR
    )
    raw = models.BooleanField(default=False)

    objects = InPipelineQuerySet.as_manager()

    class Meta:
        constraints = [one_of(VariableType, "variable_type", "ci_pipeline_variable_type")]

    def __str__(self) -> str:
        return self.key
