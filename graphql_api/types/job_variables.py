"""Owns the variables that are given to a job when it is started or retried by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import strawberry

from ci_core import models
from ci_core.models.ids import ON_JOB_BITS
from graphql_api import permissions
from graphql_api.context import Info
from graphql_api.fields import leaf, told_by
from graphql_api.node_ids import global_id
from graphql_api.pagination import After, Before, First, Last, Page, PageArguments, whole
from graphql_api.types.variables import CiVariable


@dataclass(frozen=True, slots=True)
class Given:
    """One of the variables that a job was given, from 1."""

    job_id: int
    number: int
    key: str
    value: str
    variable_type: str

    @property
    def id(self) -> str:
        """An id, stable per job and place among its variables."""
        return global_id("Ci::JobVariable", self.job_id << ON_JOB_BITS | self.number)


def _given(job: models.Job) -> Iterable[Given]:
    for number, stored in enumerate(job.given_variables or (), start=1):
        yield Given(job.pk, number, stored["key"], stored["value"], stored["variable_type"])


def of_jobs(
    parents: list[models.Job],
    info: Info,
    after: After = None,
    before: Before = None,
    first: First = None,
    last: Last = None,
) -> list[Page[Given] | None]:
    """The variables that each job was given, for those who may run pipelines."""
    arguments = PageArguments(after, before, first, last)
    permissions.load_levels(info.context, (job.project_id for job in parents))
    return [
        whole(list(_given(job)), arguments, lambda given: (given.number,))
        if permissions.has_level(info.context, job.project_id, permissions.OPERATE)
        else None
        for job in parents
    ]


@strawberry.type(name="CiManualVariable", description="A variable that was given to a job by hand.")
class CiManualVariable(CiVariable):
    """Its parent is a Given."""

    id = leaf(strawberry.ID, "ID of the variable.")
    value = leaf(str | None, "Value of the variable.")
    raw = leaf(
        bool | None, "Always false: references to other variables in it are expanded.", lambda row: False
    )
    environment_scope = leaf(
        str | None,
        "Always null: it is given to one job.",
        lambda row: None,
        deprecated="Only variables of projects and groups have one.",
    )

    is_type_of = told_by(Given)  # tells it from what else its interface stands for
