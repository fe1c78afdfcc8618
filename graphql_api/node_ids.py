"""Owns global ids, `gid://gitlab/Ci::Build/123`: how they are written, and the scalars that take them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from ci_core.errors import InvalidInput
from ci_core.models import Job, JobKind

#: Largest id that a column holds.
MAX_ID: Final = 2**63 - 1

JobID = NewType("JobID", int)
CiBuildID = NewType("CiBuildID", int)
CiProcessableID = NewType("CiProcessableID", int)
CiPipelineID = NewType("CiPipelineID", int)
CiPipelineScheduleID = NewType("CiPipelineScheduleID", int)
CiPipelineScheduleVariableID = NewType("CiPipelineScheduleVariableID", int)
CiTriggerID = NewType("CiTriggerID", int)
CiStageID = NewType("CiStageID", int)
CiRunnerID = NewType("CiRunnerID", int)
CiRunnerManagerID = NewType("CiRunnerManagerID", int)
CiJobArtifactID = NewType("CiJobArtifactID", int)
ClustersAgentID = NewType("ClustersAgentID", int)
EnvironmentID = NewType("EnvironmentID", int)
DeploymentID = NewType("DeploymentID", int)
ProjectID = NewType("ProjectID", int)
GroupID = NewType("GroupID", int)

_FORM: Final = re.compile(r"gid://gitlab/([A-Z][A-Za-z]*(?:::[A-Z][A-Za-z]*)*)/([0-9]{1,19})")
_BUILDS: Final = ("Ci::Build", "Ci::Bridge")
#: Scalar -> the models whose ids it takes; the first one is named when an id does not fit.
_MODELS: Final[dict[object, tuple[str, ...]]] = {
    JobID: (*_BUILDS, "CommitStatus", "Ci::Processable"),
    CiBuildID: _BUILDS,
    CiProcessableID: (*_BUILDS, "Ci::Processable"),
    CiPipelineID: ("Ci::Pipeline",),
    CiPipelineScheduleID: ("Ci::PipelineSchedule",),
    CiPipelineScheduleVariableID: ("Ci::PipelineScheduleVariable",),
    CiTriggerID: ("Ci::Trigger",),
    CiStageID: ("Ci::Stage",),
    CiRunnerID: ("Ci::Runner",),
    CiRunnerManagerID: ("Ci::RunnerManager",),
    CiJobArtifactID: ("Ci::JobArtifact",),
    ClustersAgentID: ("Clusters::Agent",),
    EnvironmentID: ("Environment",),
    DeploymentID: ("Deployment",),
    ProjectID: ("Project",),
    GroupID: ("Group",),
}
#: Scalars that stand for the same jobs: a variable of one may be used where another is expected, as in GitLab.
ALIASES: Final = (frozenset({"JobID", "CiBuildID", "CiProcessableID"}),)


def global_id(model: str, id_: int | str) -> str:
    """The global id of a row. model: GitLab's name of the class."""
    return f"gid://gitlab/{model}/{id_}"


class GlobalIds:
    """Reads the global ids of rows of one model; `column` those of many at once."""

    def __init__(self, model: str) -> None:
        self._prefix = f"gid://gitlab/{model}/"

    def __call__(self, row: Any) -> str:
        """The global id of one row."""
        return f"{self._prefix}{row.id}"

    def column(self, rows: Sequence[Any]) -> list[str]:
        """The global ids of rows."""
        prefix = self._prefix
        return [f"{prefix}{row.id}" for row in rows]


class JobIds:
    """Reads the global ids of jobs, which tell their kinds; `column` those of many at once."""

    def __call__(self, job: Job) -> str:
        """The global id of one job."""
        return self.column([job])[0]

    def column(self, jobs: Sequence[Job]) -> list[str]:
        """The global ids of jobs."""
        bridge = JobKind.BRIDGE.value
        return [
            f"gid://gitlab/Ci::Bridge/{job.id}" if job.kind == bridge else f"gid://gitlab/Ci::Build/{job.id}"
            for job in jobs
        ]


job_id: Final = JobIds()


def parse(value: object, *models: str) -> int:
    """The row id in a global id of one of these models. Raises InvalidInput."""
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[1] not in models or not 0 < int(found[2]) <= MAX_ID:
        raise InvalidInput(f"{value!r} is not an ID of {models[0]} (gid://gitlab/{models[0]}/1).")
    return int(found[2])


def number(text: str | None) -> int | None:
    """The number that an iid argument names; None if it names none."""
    if text is None or not text.isascii() or not text.isdigit() or not 0 < int(text[:20]) <= MAX_ID:
        return None
    return int(text)


def _parser(models: tuple[str, ...]) -> Callable[[Any], int]:
    def parse_value(value: Any) -> int:
        try:
            return parse(value, *models)
        except InvalidInput as error:
            raise GraphQLError(error.message) from None

    return parse_value


def _scalar(kind: Any, models: tuple[str, ...]) -> ScalarDefinition:
    definition: ScalarDefinition = strawberry.scalar(
        name=kind.__name__,
        description=f"Global id of {' or '.join(models)}: `gid://gitlab/{models[0]}/1`.",
        serialize=str,
        parse_value=_parser(models),
    )
    return definition


SCALARS: Final[dict[object, ScalarDefinition]] = {
    kind: _scalar(kind, models) for kind, models in _MODELS.items()
}
