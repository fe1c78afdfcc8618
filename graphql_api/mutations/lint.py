"""Owns the mutation that tries a configuration and creates nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

import strawberry
from strawberry import enum_value

from ci_core.access import access_project
from ci_core.configuration import AskedMergeRequest, Situation, compile_project
from ci_core.models import Project
from ci_core.statuses import PipelineSource
from ci_core.variables.merge_requests import MergeRequestEvent
from graphql_api.context import Info
from graphql_api.fields import argument, leaf, rooted
from graphql_api.mutations.carrying_out import carry_out, client_mutation_id, payload_fields
from graphql_api.mutations.inputs import (
    CiInputsInput,
    CiVariableInput,
    given_inputs,
    given_variables,
)
from graphql_api.permissions import OPERATE
from graphql_api.types.lint import LintConfig, Linted


@strawberry.enum(description="Extension of Pipeyard: what a pipeline that is tried is asked for by.")
class CiLintSource(Enum):
    """The sources that pipelines have here."""

    API = enum_value("api", description="The API.")
    PUSH = enum_value("push", description="A push.")
    SCHEDULE = enum_value("schedule", description="A pipeline schedule.")
    TRIGGER = enum_value("trigger", description="A trigger token.")
    WEB = enum_value("web", description="Somebody, on the web page.")


@strawberry.enum(description="Extension of Pipeyard: what a merge request pipeline runs for.")
class CiLintMergeRequestEvent(Enum):
    """`CI_MERGE_REQUEST_EVENT_TYPE`."""

    DETACHED = enum_value("detached", description="The source branch.")
    MERGED_RESULT = enum_value("merged_result", description="The source branch, merged into the target.")
    MERGE_TRAIN = enum_value("merge_train", description="A car of a merge train.")


@strawberry.input(description="Extension of Pipeyard: a merge request, whether there is one or not.")
class CiLintMergeRequestInput:
    """What a configuration may ask of a merge request."""

    target_branch: str | None = strawberry.field(
        description="Branch to merge into; the default branch if it is left out.", default=None
    )
    iid: int | None = strawberry.field(description="Its IID; 1 if it is left out.", default=None)
    event_type: CiLintMergeRequestEvent | None = strawberry.field(
        description="What the pipeline would run for; the source branch if it is left out.", default=None
    )
    title: str | None = strawberry.field(description="Its title.", default=None)
    description: str | None = strawberry.field(description="Its description.", default=None)
    labels: list[str] | None = strawberry.field(description="Its labels.", default=None)

    def asked(self, project: Project) -> AskedMergeRequest:
        """The same in the domain's words."""
        return AskedMergeRequest(
            self.target_branch or project.default_branch,
            self.iid or 1,
            MergeRequestEvent(str(self.event_type.value) if self.event_type else "detached"),
            self.title or "",
            self.description or "",
            tuple(self.labels or ()),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a payload is made of."""

    client_mutation_id: str | None
    errors: list[str]
    config: Linted | None


@strawberry.input(description="Which configuration to try, and for what.")
class CiLintInput:
    """Input of ciLint."""

    project_path: strawberry.ID = strawberry.field(description="Path of the project, such as `group/shop`.")
    content: str = strawberry.field(description="The configuration, in place of the project's.")
    ref: str | None = strawberry.field(description="Branch or tag; the default branch if it is left out.")
    dry_run: bool | None = strawberry.field(
        description="Accepted and ignored: rules always decide, and nothing is ever created."
    )
    source: CiLintSource | None = strawberry.field(
        description="Extension of Pipeyard: what would ask for the pipeline; a push if it is left out."
    )
    variables: list[CiVariableInput] | None = strawberry.field(
        description="Extension of Pipeyard: variables that the pipeline would be given."
    )
    inputs: list[CiInputsInput] | None = strawberry.field(
        description="Extension of Pipeyard: values for the `spec:inputs` of the configuration."
    )
    merge_request: CiLintMergeRequestInput | None = strawberry.field(
        description="Extension of Pipeyard: a merge request that the pipeline would run for, in place of `source`; "
        "`ref` is its source branch.",
        default=None,
    )
    client_mutation_id: str | None = client_mutation_id()


@strawberry.type(description="What came of ciLint.")
class CiLintPayload:
    """Its parent is an Outcome."""

    client_mutation_id, errors = payload_fields()
    config = leaf(
        LintConfig | None, "What the configuration comes to; null if it could not be tried, as `errors` tell."
    )


def _lint(info: Info, input: Annotated[CiLintInput, argument("What to try.")]) -> Outcome:
    principal = info.context.principal
    project = access_project(input.project_path, principal, OPERATE)
    situation = Situation(
        input.ref or project.default_branch,
        PipelineSource(str(input.source.value) if input.source else "push"),
        given_variables(input.variables),
        given_inputs(input.inputs),
        merge_request=input.merge_request.asked(project) if input.merge_request else None,
    )

    def action() -> Linted:
        compiled = compile_project(project, situation, acting_user=principal.user, content=input.content)
        return Linted(project.full_path, compiled.commit.sha, compiled.result)

    linted, errors = carry_out(info.context, action)
    return Outcome(input.client_mutation_id, errors, linted)


@strawberry.type
class LintMutations:
    """Part of Mutation."""

    ci_lint = rooted(
        CiLintPayload | None,
        _lint,
        "Tells what a configuration would come to, and creates nothing. Protected variables are not among those "
        "that it sees. Takes a developer.",
    )
