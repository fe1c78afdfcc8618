"""The tables of the domain; no rule here goes beyond one row."""

from ci_core.models.artifacts import Artifact, ArtifactFormat
from ci_core.models.doors import PasswordTries, PersistedDocument
from ci_core.models.downstream import BridgeMessage, DownstreamPipeline, MirroredPipeline, PendingBridge
from ci_core.models.environments import (
    Deployment,
    DeploymentTier,
    Environment,
    EnvironmentState,
    ProtectedEnvironment,
)
from ci_core.models.events import Event, EventKind, ProjectChange
from ci_core.models.groups import Group, GroupMembership
from ci_core.models.jobs import Job, JobDefinition, JobKind, JobTimer, Need, PendingJob, RunningJob
from ci_core.models.pipelines import OnNewCommit, Pipeline, PipelineExplanation, Stage, archived_before
from ci_core.models.projects import InternalId, Project, ProjectMembership, Visibility
from ci_core.models.resources import ProcessMode, ResourceClaim, ResourceGroup
from ci_core.models.runners import (
    Runner,
    RunnerAccessLevel,
    RunnerManager,
    RunnerRegistrationToken,
    RunnerType,
)
from ci_core.models.schedules import (
    PipelineSchedule,
    PipelineScheduleVariable,
    ScheduleRun,
    ScheduleRunKind,
)
from ci_core.models.traces import Trace, TraceChunk
from ci_core.models.triggers import PipelineTrigger, TriggeredPipeline
from ci_core.models.users import PersonalAccessToken, User
from ci_core.models.variables import (
    GroupVariable,
    PipelineVariable,
    ProjectVariable,
    VariableType,
)

__all__ = [
    "Artifact",
    "ArtifactFormat",
    "BridgeMessage",
    "Deployment",
    "DeploymentTier",
    "DownstreamPipeline",
    "Environment",
    "EnvironmentState",
    "Event",
    "EventKind",
    "Group",
    "GroupMembership",
    "GroupVariable",
    "InternalId",
    "Job",
    "JobDefinition",
    "JobKind",
    "JobTimer",
    "MirroredPipeline",
    "Need",
    "OnNewCommit",
    "PasswordTries",
    "PendingBridge",
    "PendingJob",
    "PersistedDocument",
    "PersonalAccessToken",
    "Pipeline",
    "PipelineExplanation",
    "PipelineSchedule",
    "PipelineScheduleVariable",
    "PipelineTrigger",
    "PipelineVariable",
    "ProcessMode",
    "Project",
    "ProjectChange",
    "ProjectMembership",
    "ProjectVariable",
    "ProtectedEnvironment",
    "ResourceClaim",
    "ResourceGroup",
    "Runner",
    "RunnerAccessLevel",
    "RunnerManager",
    "RunnerRegistrationToken",
    "RunnerType",
    "RunningJob",
    "ScheduleRun",
    "ScheduleRunKind",
    "Stage",
    "Trace",
    "TraceChunk",
    "TriggeredPipeline",
    "User",
    "VariableType",
    "Visibility",
    "archived_before",
]
