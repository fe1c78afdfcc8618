"""Owns the inputs of jobs: what they declare, and the values that were given by hand."""

from __future__ import annotations

from ci_core import models
from ci_core.compiler import InputSpec
from ci_core.compiler.inputs.jobs import from_json
from graphql_api.context import Info
from graphql_api.loaders import jobs as loader
from graphql_api.types.schedule_relations import Input


def given(job: models.Job) -> list[Input]:
    """The values that a job was given, by name."""
    return [Input(name, value) for name, value in sorted((job.given_inputs or {}).items())]


def declared(parents: list[models.Job], info: Info) -> list[list[InputSpec]]:
    """The inputs that each job declares, in the order of the configuration."""
    found = loader.declared_inputs(info.context, (job.definition_id for job in parents))
    return [from_json(found.get(job.definition_id)) for job in parents]
