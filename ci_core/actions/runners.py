"""Runners: register, verify, rotate, forget; and what they tell of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q

from ci_core import clock, tokens
from ci_core.actions.jobs import fail_job
from ci_core.errors import Forbidden, InvalidInput, JobNotRunning, NotFound
from ci_core.models import (
    Group,
    Project,
    Runner,
    RunnerAccessLevel,
    RunnerManager,
    RunnerRegistrationToken,
    RunnerType,
    RunningJob,
    User,
)
from ci_core.statuses import FailureReason

#: Characters of a runner's description, and of the note about it.
MAX_TEXT: Final = 1024
#: Characters of a tag, and tags of a runner. Source of the second: GitLab, Ci::Runner::TAG_LIST_MAX_LENGTH.
MAX_TAG: Final = 255
MAX_TAGS: Final = 50
#: Seconds between two notes that a runner was heard of.
CONTACT_EVERY: Final = 20


def create_runner(
    *,
    acting_user: User | None,
    description: str = "",
    projects: Sequence[Project] = (),
    group: Group | None = None,
    tags: Sequence[str] = (),
    run_untagged: bool = True,
    locked: bool = False,
    paused: bool = False,
    access_level: RunnerAccessLevel = RunnerAccessLevel.NOT_PROTECTED,
    maximum_timeout: int | None = None,
    maintenance_note: str = "",
) -> tuple[Runner, str]:
    """A new runner and its token, which is shown this once. With projects, or a group, it takes only their jobs.

    A runner without tags always takes untagged jobs, else it could take none. Raises InvalidInput for settings that a
    runner cannot have.
    """
    token = tokens.new_token(tokens.RUNNER_PREFIX)
    with transaction.atomic():
        runner = Runner(
            description=description,
            digest=tokens.digest(token),
            token_prefix=token.removeprefix(tokens.RUNNER_PREFIX)[:8],
            runner_type=_type(projects, group).value,
            group=group,
            access_level=access_level.value,
            tags=sorted(set(tags)),
            run_untagged=run_untagged or not tags,
            locked=locked,
            paused=paused,
            maximum_timeout=maximum_timeout,
            maintenance_note=maintenance_note,
            creator=acting_user,
            created_at=clock.now(),
        )
        check_settings(runner)
        runner.save()
        _set_projects(runner, [project.pk for project in projects])
    return runner, token


def _type(projects: Sequence[Project], group: Group | None) -> RunnerType:
    """The type of a runner. Raises InvalidInput for one of a group and of projects."""
    if group is None:
        return RunnerType.PROJECT_TYPE if projects else RunnerType.INSTANCE_TYPE
    if projects:
        raise InvalidInput("A runner is a group's or assigned to projects, not both.")
    return RunnerType.GROUP_TYPE


def register_runner(registration_token: str, **settings: Any) -> tuple[Runner, str]:
    """Creates the runner that a registration token asks for. Raises Forbidden for an unknown token."""
    found = (
        RunnerRegistrationToken.objects.select_related("project")
        .filter(digest=tokens.digest(registration_token), revoked_at=None)
        .first()
    )
    if found is None:
        raise Forbidden("The registration token is not known here, or was revoked.")
    projects = [found.project] if found.project else []
    return create_runner(acting_user=None, projects=projects, **settings)


def create_registration_token(project: Project | None = None) -> str:
    """A token with which runners may register, for a project or for the instance; shown this once."""
    token = tokens.new_token(tokens.REGISTRATION_PREFIX)
    RunnerRegistrationToken.objects.create(
        digest=tokens.digest(token), project=project, created_at=clock.now()
    )
    return token


def revoke_registration_token(token: RunnerRegistrationToken) -> None:
    """Lets no more runners register with a token; those that did stay."""
    RunnerRegistrationToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=clock.now())


@transaction.atomic
def update_runner(
    runner: Runner,
    *,
    description: str,
    projects: Sequence[Project],
    tags: Sequence[str],
    run_untagged: bool,
    locked: bool,
    access_level: RunnerAccessLevel,
    maximum_timeout: int | None,
    maintenance_note: str,
) -> None:
    """Changes what a runner takes and what is said of it; rules as for a new one. See `pause_runner` for pauses."""
    Runner.objects.filter(pk=runner.pk).update(
        description=description,
        runner_type=_type(projects, runner.group).value,
        access_level=access_level.value,
        tags=sorted(set(tags)),
        run_untagged=run_untagged or not tags,
        locked=locked,
        maximum_timeout=maximum_timeout,
        maintenance_note=maintenance_note,
    )
    _set_projects(runner, [project.pk for project in projects])


def _set_projects(runner: Runner, project_ids: Sequence[int]) -> None:
    """Assigns a runner to these projects only. The first of them owns it, if none has before: it goes in first."""
    if project_ids:
        runner.projects.add(project_ids[0])
    runner.projects.set(project_ids)


@dataclass(frozen=True, slots=True)
class RunnerChanges:
    """What to change of a runner; None stays.

    maximum_timeout: seconds; no_maximum_timeout takes it away. projects: in which it is to work, for a project's
    runner; the one that it was made for stays in any case.
    """

    description: str | None = None
    tags: Sequence[str] | None = None
    run_untagged: bool | None = None
    locked: bool | None = None
    paused: bool | None = None
    access_level: RunnerAccessLevel | None = None
    maximum_timeout: int | None = None
    no_maximum_timeout: bool = False
    maintenance_note: str | None = None
    projects: Sequence[Project] | None = None


@transaction.atomic
def change_runner(runner_id: int, changes: RunnerChanges) -> Runner:
    """Changes some of a runner's settings; the others stay, whoever changes them at the same time.

    Raises NotFound, and InvalidInput for settings that a runner cannot have.
    """
    runner: Runner | None = Runner.objects.select_for_update(no_key=True).filter(pk=runner_id).first()
    if runner is None:
        raise NotFound("The runner does not exist.")
    for name in ("description", "run_untagged", "locked", "paused", "maximum_timeout", "maintenance_note"):
        given = getattr(changes, name)
        if given is not None:
            setattr(runner, name, given)
    if changes.no_maximum_timeout:
        runner.maximum_timeout = None
    if changes.tags is not None:
        runner.tags = sorted(set(changes.tags))
    if changes.access_level is not None:
        runner.access_level = changes.access_level.value
    check_settings(runner)
    if changes.projects is not None:
        _assign(runner, changes.projects)
    runner.save()
    return runner


def check_settings(runner: Runner) -> None:
    """Raises InvalidInput for settings that a runner cannot have. Source of the rules: GitLab, Ci::Runner."""
    if len(runner.description) > MAX_TEXT:
        raise InvalidInput(f"description: at most {MAX_TEXT} characters.")
    if len(runner.maintenance_note) > MAX_TEXT:
        raise InvalidInput(f"maintenanceNote: at most {MAX_TEXT} characters.")
    if len(runner.tags) > MAX_TAGS:
        raise InvalidInput(f"tagList: a runner has {MAX_TAGS} tags at most.")
    if any(not 0 < len(tag) <= MAX_TAG for tag in runner.tags):
        raise InvalidInput(f"tagList: a tag has 1 to {MAX_TAG} characters.")
    if runner.maximum_timeout is not None and runner.maximum_timeout < 1:
        raise InvalidInput("maximumTimeout: a job may run for 1 second at least.")
    if not runner.run_untagged and not runner.tags:
        raise InvalidInput("runUntagged: a runner without tags that takes no untagged jobs would take none.")


def _assign(runner: Runner, projects: Sequence[Project]) -> None:
    if runner.runner_type != RunnerType.PROJECT_TYPE:
        raise InvalidInput("associatedProjects: only a project's runner is assigned to projects.")
    owner = Runner.projects.through.objects.filter(runner_id=runner.pk).order_by("pk").first()
    kept = [owner.project_id] if owner is not None else []
    _set_projects(runner, [*kept, *(project.pk for project in projects)])


def pause_runner(runner: Runner, *, paused: bool) -> None:
    """Stops a runner from taking jobs, or lets it take them again; jobs that it runs go on."""
    Runner.objects.filter(pk=runner.pk).update(paused=paused)


def rotate_runner_token(runner: Runner) -> str:
    """Gives a runner a new token; the old one stops working at once."""
    token = tokens.new_token(tokens.RUNNER_PREFIX)
    Runner.objects.filter(pk=runner.pk).update(
        digest=tokens.digest(token), token_prefix=token.removeprefix(tokens.RUNNER_PREFIX)[:8]
    )
    return token


def delete_runner(runner: Runner) -> None:
    """Forgets a runner. What it runs fails: nobody else could report on it."""
    while not _deleted_idle(runner):
        for job_id in list(RunningJob.objects.filter(runner=runner).values_list("job_id", flat=True)):
            try:
                fail_job(job_id, FailureReason.RUNNER_SYSTEM_FAILURE)
            except (JobNotRunning, NotFound):
                RunningJob.objects.filter(job_id=job_id, runner=runner).delete()


@transaction.atomic
def _deleted_idle(runner: Runner) -> bool:
    """Deletes a runner unless it has jobs, which would otherwise run for ever with nobody to look after them.

    A claim that is under way takes hold of the runner's row as it commits: before this one, so that its job is seen
    here, or after, and then there is no runner any more and the claim is undone.
    """
    Runner.objects.select_for_update().filter(pk=runner.pk).first()
    if RunningJob.objects.filter(runner=runner).exists():
        return False
    runner.delete()
    return True


def forget_manager(runner: Runner, system_id: str) -> bool:
    """Forgets one machine of a runner; False if it was not known."""
    deleted, _ = RunnerManager.objects.filter(runner=runner, system_id=system_id).delete()
    return deleted > 0


def touch_runner(
    runner: Runner, system_id: str, info: Mapping[str, Any], ip_address: str | None
) -> RunnerManager:
    """Notes that a runner called, from which machine, and what that machine says of itself.

    The rows are written at most every CONTACT_EVERY seconds, unless the machine tells something new.
    """
    now = clock.now()
    told = {
        "name": _text(info, "name"),
        "version": _text(info, "version"),
        "revision": _text(info, "revision"),
        "platform": _text(info, "platform"),
        "architecture": _text(info, "architecture"),
        "executor": _text(info, "executor"),
        "features": _features(info),
        "ip_address": ip_address,
    }
    manager, made = RunnerManager.objects.get_or_create(
        runner=runner, system_id=system_id[:64], defaults={**told, "created_at": now, "contacted_at": now}
    )
    stale = manager.contacted_at is None or now - manager.contacted_at > timedelta(seconds=CONTACT_EVERY)
    news = {key: value for key, value in told.items() if info and getattr(manager, key) != value}
    if not made and (stale or news):
        RunnerManager.objects.filter(pk=manager.pk).update(contacted_at=now, **news)
        for key, value in news.items():
            setattr(manager, key, value)
    if made or stale:
        Runner.objects.filter(pk=runner.pk).update(contacted_at=now)
    return manager


def _text(info: Mapping[str, Any], key: str) -> str:
    value = info.get(key)
    return value[:255] if isinstance(value, str) else ""


def _features(info: Mapping[str, Any]) -> dict[str, bool]:
    given = info.get("features")
    if not isinstance(given, Mapping):
        return {}
    return {str(name)[:64]: True for name, able in list(given.items())[:200] if able is True}


def heard_of(job_id: int) -> None:
    """Notes that a job's runner is still there: the first time, then at most every CONTACT_EVERY seconds."""
    now = clock.now()
    stale = Q(heard_at__lt=now - timedelta(seconds=CONTACT_EVERY)) | Q(acknowledged=False)
    RunningJob.objects.filter(stale, job_id=job_id).update(heard_at=now, acknowledged=True)
