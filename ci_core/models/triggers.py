"""Pipeline trigger tokens, and which pipelines they created."""

from __future__ import annotations

from django.db import models

from ci_core.models.pipelines import Pipeline
from ci_core.models.projects import Project
from ci_core.models.users import User


class PipelineTrigger(models.Model):
    """A token with which somebody outside creates pipelines of a project, with its owner's rights.

    Only its digest is kept, so the token is shown once, when it is made. `short_token`: the first characters behind the
    prefix, by which people tell tokens apart.
    """

    #: The whole token, of a row that has just been made; never stored.
    new_token: str | None = None

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="pipeline_triggers")
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="pipeline_triggers")
    description = models.CharField(max_length=255)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    short_token = models.CharField(max_length=4, editable=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.short_token} ({self.description})"


class TriggeredPipeline(models.Model):
    """Which trigger token created a pipeline; the token itself may have been revoked since."""

    pipeline = models.OneToOneField(
        Pipeline, on_delete=models.CASCADE, primary_key=True, related_name="trigger_link"
    )
    trigger_id = models.BigIntegerField(help_text="It may have been revoked since.")
    short_token = models.CharField(max_length=4)

    def __str__(self) -> str:
        return self.short_token
