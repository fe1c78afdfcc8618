"""Pipeline trigger tokens, and the pipelines that are asked for with them or with job tokens.

Source: https://docs.gitlab.com/ci/triggers/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from ci_core import access, clock, tokens
from ci_core.actions.pipelines import compile_runnable, store_pipeline
from ci_core.actions.signing_in import count_try, take_back_try
from ci_core.actions.triggering import BridgeRefused, refuse_large, root_of
from ci_core.compiler import collector_paused
from ci_core.configuration import Situation, Upstream
from ci_core.errors import Forbidden, InvalidInput, JobNotRunning, NotFound, TriggerLimitReached
from ci_core.locks import hold_trigger, lock_family, lock_job
from ci_core.models import (
    DownstreamPipeline,
    Job,
    Pipeline,
    PipelineTrigger,
    Project,
    TriggeredPipeline,
    User,
    VariableType,
)
from ci_core.statuses import ON_RUNNER, AccessLevel, PipelineSource
from ci_core.variables.given import GivenVariable, check_variables
from ci_core.variables.predefined import of_upstream

#: Characters of a token, behind its prefix, that are shown.
SHORT: Final = 4
#: The variable that holds the request
#: (https://docs.gitlab.com/ci/triggers/#access-webhook-payload).
PAYLOAD: Final = "TRIGGER_PAYLOAD"
_MAX_ID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class TriggerRequest:
    """A pipeline that somebody asks for with a token.

    project: its id or its full path, as it was given. payload: everything that was sent but the token, as JSON.
    """

    project: str
    token: str
    ref: str
    variables: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    payload: str = "{}"


@transaction.atomic
def create_trigger(
    project: Project, *, acting_user: User, description: str, expires_at: datetime | None = None
) -> PipelineTrigger:
    """A new trigger token, whose pipelines run with the rights of whoever makes it.

    `new_token` of the row is the token itself, which is not stored. Raises InvalidInput with the field at fault, also
    for somebody who is no maintainer, and TriggerLimitReached
    (https://docs.gitlab.com/administration/instance_limits/#limit-the-number-of-pipeline-triggers).
    """
    if access.signed_in(acting_user).level_in(project.pk) < AccessLevel.MAINTAINER:
        raise InvalidInput(
            f"{acting_user.username} is no maintainer of {project.full_path}, as the owner of a trigger token must be.",
            field="owner",
        )
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    limit = settings.PIPEYARD_TRIGGERS_PER_PROJECT
    if PipelineTrigger.objects.filter(project=project).count() >= limit:
        raise TriggerLimitReached(
            f"{project.full_path} has {limit} trigger tokens, the most that a project may have: revoke one first.",
            limit=limit,
        )
    now = clock.now()
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("expiresAt: the token would have expired already.", field="expiresAt")
    token = tokens.new_token(tokens.TRIGGER_PREFIX)
    trigger = PipelineTrigger(
        project=project,
        owner=acting_user,
        description=_description(description),
        digest=tokens.digest(token),
        short_token=token.removeprefix(tokens.TRIGGER_PREFIX)[:SHORT],
        expires_at=expires_at,
        created_at=now,
        updated_at=now,
    )
    trigger.save(force_insert=True)
    trigger.new_token = token
    return trigger


def update_trigger(trigger_id: int, *, description: str) -> PipelineTrigger:
    """Changes what a trigger token is for. Raises InvalidInput, and NotFound for one that is revoked meanwhile."""
    changed = {"description": _description(description), "updated_at": clock.now()}
    if not PipelineTrigger.objects.filter(pk=trigger_id).update(**changed):
        raise NotFound("There is no such trigger token.")
    return PipelineTrigger.objects.get(pk=trigger_id)


def delete_trigger(trigger_id: int) -> None:
    """Revokes a trigger token, for good: when this returns, no pipeline comes of it any more. Raises NotFound."""
    if not PipelineTrigger.objects.filter(pk=trigger_id).delete()[0]:
        raise NotFound("There is no such trigger token.")


def _description(text: str) -> str:
    text = text.strip()
    if not 0 < len(text) <= 255:
        raise InvalidInput(
            f"description has {len(text)} characters; write 1 to 255 that tell what it is for.",
            field="description",
        )
    return text


@collector_paused()
def trigger_pipeline(asked: TriggerRequest, *, address: str | None) -> Pipeline:
    """Creates the pipeline that somebody asks for with a trigger token, or a running job with its job token.

    Raises NotFound, alike for a token that is not known, has expired or is another project's, and for a project that
    is not there or that the job's user may not see; Forbidden if whoever it would run for may not run pipelines there;
    JobNotRunning; TooManyTries after too many tokens from this address that nobody has; and as `create_pipeline`. The
    project and the token are looked up whatever comes of the other, so that the time it takes tells nothing.
    """
    count_try(address)
    project = _project(asked.project)
    trigger = _trigger(asked.token)
    job = access.job_by_token(asked.token)
    if trigger is not None or job is not None:
        take_back_try(address)
    if trigger is not None and project is not None and trigger.project_id == project.pk:
        return _by_trigger(asked, trigger, project)
    if job is not None:
        return _by_job(asked, job, project)
    raise NotFound


def _project(named: str) -> Project | None:
    if named.isascii() and named.isdigit():
        found = Project.objects.filter(pk=min(int(named[:20]), _MAX_ID))
    else:
        found = Project.objects.filter(full_path=named)
    project: Project | None = found.first()
    return project


def _trigger(token: str) -> PipelineTrigger | None:
    found = PipelineTrigger.objects.select_related("owner").filter(digest=tokens.digest(token))
    trigger: PipelineTrigger | None = found.first()
    return trigger


def _by_trigger(asked: TriggerRequest, trigger: PipelineTrigger, project: Project) -> Pipeline:
    """The pipeline of a trigger token, which runs for the token's owner."""
    now = clock.now()
    if trigger.expires_at is not None and trigger.expires_at <= now:
        raise NotFound
    owner = trigger.owner
    _require_developer(owner if owner.is_active else None, project, "The owner of the trigger token")
    situation = _situation(asked, PipelineSource.TRIGGER)
    compiled = compile_runnable(project, situation, acting_user=owner)

    def link(pipeline: Pipeline) -> None:
        TriggeredPipeline.objects.create(
            pipeline=pipeline, trigger_id=trigger.pk, short_token=trigger.short_token
        )

    with transaction.atomic():
        hold_trigger(trigger.pk)
        pipeline = store_pipeline(project, compiled, situation, acting_user=owner, link=link)
    if trigger.last_used_at is None or (now - trigger.last_used_at).total_seconds() > access.LAST_USED_EVERY:
        PipelineTrigger.objects.filter(pk=trigger.pk).update(last_used_at=now)
    return pipeline


def _by_job(asked: TriggerRequest, job: Job, project: Project | None) -> Pipeline:
    """The pipeline that a job asks for: it runs for the job's user, downstream of the job's pipeline.

    Source: https://docs.gitlab.com/ci/pipelines/downstream_pipelines/#trigger-a-multi-project-pipeline-by-using-the-api
    """
    if job.status not in ON_RUNNER:
        raise JobNotRunning
    user = User.objects.filter(pk=job.user_id, is_active=True).first() if job.user_id else None
    if project is None or not Project.objects.visible_to(user).filter(pk=project.pk).exists():
        raise NotFound
    _require_developer(user, project, "Whoever started the job")
    try:
        root_id = root_of(job.pipeline_id)
        refuse_large(root_id)
        upstream = Upstream(of_upstream(job.pipeline_id, job.project_id, job.pk))
        situation = _situation(asked, PipelineSource.PIPELINE, upstream)
        compiled = compile_runnable(project, situation, acting_user=user)

        def link(pipeline: Pipeline) -> None:
            # Again, now that nobody else adds to the family: others may have since the first look.
            lock_family(root_id)
            refuse_large(root_id)
            DownstreamPipeline.objects.create(
                pipeline=pipeline,
                source_pipeline_id=job.pipeline_id,
                source_job_id=job.pk,
                source_project_id=job.project_id,
                root_id=root_id,
                child=False,
                by_token=True,
                created_at=clock.now(),
            )

        with transaction.atomic():
            _, locked = lock_job(job.pk)
            if locked.status not in ON_RUNNER or not tokens.is_token_of(asked.token, locked):
                raise JobNotRunning
            return store_pipeline(project, compiled, situation, acting_user=user, link=link)
    except BridgeRefused as refused:
        raise InvalidInput(refused.message) from None


def _require_developer(user: User | None, project: Project, who: str) -> None:
    """Checks the rights as they are now. user: None for nobody, or somebody who is blocked. Raises Forbidden."""
    if user is None:
        raise Forbidden(f"{who} is blocked, or does not exist any more.")
    if access.signed_in(user).level_in(project.pk) < AccessLevel.DEVELOPER:
        raise Forbidden(f"{who} may not run pipelines in {project.full_path}: that takes the Developer role.")


def _situation(asked: TriggerRequest, source: PipelineSource, upstream: Upstream | None = None) -> Situation:
    """What is asked for, as the compiler takes it. Raises InvalidInput for variables and inputs that cannot be."""
    given = [GivenVariable(key, value) for key, value in asked.variables.items()]
    check_variables(given)
    if PAYLOAD in asked.variables:
        raise InvalidInput(f"{PAYLOAD} is not for giving: it holds the request.")
    if _holds_nul(asked.inputs) or _holds_nul(asked.variables):
        raise InvalidInput("Variables and inputs must not contain the character NUL.")
    payload = GivenVariable(PAYLOAD, asked.payload, VariableType.FILE.value, raw=True)
    return Situation(asked.ref, source, [*given, payload], asked.inputs, upstream=upstream)


def _holds_nul(value: Any) -> bool:
    """Whether a text in a value of JSON holds the character NUL, which the database cannot store."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        return any(_holds_nul(part) for item in value.items() for part in item)
    return isinstance(value, list) and any(_holds_nul(item) for item in value)
