"""Who may see and do what: every door fetches what it acts on here, or through `visible_to`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from django.db.models import QuerySet

from ci_core import clock, tokens
from ci_core.errors import Forbidden, NotFound
from ci_core.hydration import joined_rows, prepared_rows
from ci_core.models import (
    Deployment,
    Environment,
    Group,
    Job,
    PersonalAccessToken,
    Pipeline,
    PipelineSchedule,
    PipelineTrigger,
    Project,
    Stage,
    User,
    Visibility,
)
from ci_core.models.ids import pipeline_of
from ci_core.prepared import fetch_prepared
from ci_core.statuses import AccessLevel

R = TypeVar("R", bound="Pipeline | Environment | Deployment | PipelineTrigger")

READ_SCOPES: Final = frozenset({"read_api", "api"})
WRITE_SCOPES: Final = frozenset({"api"})
#: Seconds between two notes of a token's last use.
LAST_USED_EVERY: Final = 60


#: Roles in a group (`own`) and in the groups around it.
_GROUP_ROLES: Final = """ci_core_group AS own
    JOIN ci_core_groupmembership AS membership ON membership.group_id = ANY(own.traversal_ids)"""

#: Levels of users in projects: the highest of their roles in the project, its group, and the groups around it. Not the
#: ORM: the roles of both kinds in one statement.
_LEVELS_IN_PROJECTS: Final = f"""
SELECT user_id, project_id, max(access_level) FROM (
    SELECT user_id, project_id, access_level FROM ci_core_projectmembership
    WHERE user_id = ANY(%s::bigint[]) AND project_id = ANY(%s::bigint[])
    UNION ALL
    SELECT membership.user_id, project.id, membership.access_level FROM {_GROUP_ROLES}
    JOIN ci_core_project AS project ON project.group_id = own.id
    WHERE membership.user_id = ANY(%s::bigint[]) AND project.id = ANY(%s::bigint[])
) AS role GROUP BY user_id, project_id
"""  # noqa: S608 - constants

_LEVELS_IN_GROUPS: Final = f"""
SELECT own.id, max(membership.access_level) FROM {_GROUP_ROLES}
WHERE membership.user_id = %s::bigint AND own.id = ANY(%s::bigint[]) GROUP BY own.id
"""  # noqa: S608 - constants


def _levels(user_ids: list[int], project_ids: list[int]) -> list[tuple[int, int, int]]:
    """User, project and level, for each user who has a role in a project."""
    return fetch_prepared(_LEVELS_IN_PROJECTS, [user_ids, project_ids, user_ids, project_ids])[1]


@dataclass(slots=True)
class Principal:
    """On whose behalf a request is carried out. user: None for nobody signed in.

    scopes: what the door's key allows; a signed-in session has `api`.
    """

    user: User | None
    scopes: frozenset[str] = READ_SCOPES
    _levels: dict[int, int] = field(default_factory=dict)

    @property
    def may_write(self) -> bool:
        """Whether the key in use allows changes at all."""
        return self.user is not None and bool(self.scopes & WRITE_SCOPES)

    def level_in(self, project_id: int) -> int:
        """The user's access level in a project; 0 for none. Asked of the database once a project."""
        if self.user is None:
            return 0
        if self.user.is_superuser:
            return AccessLevel.OWNER
        if project_id not in self._levels:
            self.load_levels([project_id])
        return self._levels[project_id]

    def know_level(self, project_id: int, level: int) -> None:
        """Notes a level that was read elsewhere."""
        self._levels[project_id] = level

    def load_levels(self, project_ids: list[int]) -> None:
        """Reads the user's levels in several projects with one statement."""
        missing = [project_id for project_id in project_ids if project_id not in self._levels]
        if self.user is None or self.user.is_superuser or not missing:
            return
        self._levels.update(dict.fromkeys(missing, 0))
        for _, project_id, level in _levels([self.user.pk], missing):
            self._levels[project_id] = level

    def level_in_group(self, group_id: int) -> int:
        """The user's access level in a group, be it by a group around it; 0 for none."""
        return self.levels_in_groups([group_id])[group_id]

    def levels_in_groups(self, group_ids: list[int]) -> dict[int, int]:
        """The user's access levels in several groups, by id; 0 for none. One statement."""
        every = AccessLevel.OWNER if self.user is not None and self.user.is_superuser else 0
        levels: dict[int, int] = dict.fromkeys(group_ids, every)
        if self.user is not None and not every and group_ids:
            levels.update(fetch_prepared(_LEVELS_IN_GROUPS, [self.user.pk, group_ids])[1])
        return levels


def levels_of(places: Sequence[tuple[User, int]]) -> list[int]:
    """The level of each user in the project whose id stands beside them, 0 for a blocked one; one statement for all."""
    users, projects = {user.pk for user, _ in places}, {project_id for _, project_id in places}
    found = {(user_id, project_id): level for user_id, project_id, level in _levels([*users], [*projects])}
    highest = (AccessLevel.OWNER if user.is_superuser else 0 for user, _ in places)
    return [
        max(found.get((user.pk, project_id), 0), high) if user.is_active else 0
        for (user, project_id), high in zip(places, highest, strict=True)
    ]


ANONYMOUS_SCOPES: Final = frozenset({"read_api"})


def anonymous() -> Principal:
    """Nobody signed in: sees what is public."""
    return Principal(None, ANONYMOUS_SCOPES)


def signed_in(user: User) -> Principal:
    """A user's own session."""
    return Principal(user, READ_SCOPES)


#: Hand-written, as is finding a project: it comes before everything else of a request.
_KEY_AND_OWNER: Final = """
FROM ci_core_personalaccesstoken AS token JOIN ci_core_user AS owner ON owner.id = token.user_id
WHERE token.digest = %s::text
"""


def personal_token_principal(token: str) -> Principal | None:
    """The owner of a personal access token with the token's scopes; None if it is unknown, expired or revoked."""
    sources = ((PersonalAccessToken, "token"), (User, "owner"))
    now = clock.now()
    rows: list[tuple[PersonalAccessToken, User]] = joined_rows(
        sources, _KEY_AND_OWNER, [tokens.digest(token)]
    )
    if not rows:
        return None
    found, owner = rows[0]
    if not _opens(found, owner, now):
        return None
    if found.last_used_at is None or (now - found.last_used_at).total_seconds() > LAST_USED_EVERY:
        PersonalAccessToken.objects.filter(pk=found.pk).update(last_used_at=now)
    return Principal(owner, frozenset(found.scopes))


def personal_token_principals(digests: Iterable[str]) -> dict[str, Principal]:
    """The same for tokens that were given earlier, by digest, with one statement; without those that open nothing."""
    now = clock.now()
    found = PersonalAccessToken.objects.select_related("user").filter(digest__in=list(digests))
    return {
        row.digest: Principal(row.user, frozenset(row.scopes)) for row in found if _opens(row, row.user, now)
    }


def _opens(token: PersonalAccessToken, owner: User, now: datetime) -> bool:
    """Whether a token opens anything at all."""
    if token.revoked_at is not None or not owner.is_active:
        return False
    if token.expires_at is not None and token.expires_at <= now:
        return False
    return bool(READ_SCOPES & set(token.scopes))


def who_may_see(project: Project, principals: Sequence[Principal]) -> list[bool]:
    """For each principal whether `visible_to` would show them the project, with one statement for all.

    Their levels in the project are known afterwards.
    """
    users = {principal.user.pk for principal in principals if principal.user is not None}
    levels = {user_id: level for user_id, _, level in _levels(list(users), [project.pk])} if users else {}
    for principal in principals:
        if principal.user is not None:
            principal.know_level(project.pk, levels.get(principal.user.pk, 0))
    return [_may_see(project, principal) for principal in principals]


def _may_see(project: Project, principal: Principal) -> bool:
    if project.visibility == Visibility.PUBLIC:
        return True
    if principal.user is None:
        return False
    return project.visibility == Visibility.INTERNAL or principal.level_in(project.pk) >= AccessLevel.GUEST


#: Hand-written: most requests begin with it, and Django takes longer to build it than PostgreSQL to answer it.
_PROJECT: Final = "SELECT * FROM ci_core_project WHERE full_path = %s::text"
#: The same with a user's level in the project, as `_LEVELS_IN_PROJECTS` has it.
_PROJECT_AND_LEVEL: Final = f"""
SELECT project.*, greatest(
    (SELECT access_level FROM ci_core_projectmembership WHERE user_id = %s::bigint AND project_id = project.id),
    (SELECT max(membership.access_level) FROM {_GROUP_ROLES}
    WHERE own.id = project.group_id AND membership.user_id = %s::bigint)
) AS level FROM ci_core_project AS project WHERE full_path = %s::text
"""  # noqa: S608 - constants


def find_project(full_path: str, principal: Principal) -> Project | None:
    """A project by path; None if there is none, or the principal may not see it."""
    user = principal.user
    if user is None or user.is_superuser:
        found = prepared_rows(Project, _PROJECT, [full_path])
    else:
        found = prepared_rows(Project, _PROJECT_AND_LEVEL, [user.pk, user.pk, full_path])
        for row in found:
            principal.know_level(row.pk, row.level or 0)
    project: Project | None = next(iter(found), None)
    return project if project is not None and _may_see(project, principal) else None


def access_project(full_path: str, principal: Principal, at_least: int = 0) -> Project:
    """A project by path. Raises NotFound if the principal may not see it, Forbidden below the access level."""
    project = find_project(full_path, principal)
    if project is None:
        raise NotFound(f"There is no project {full_path!r}, or you may not see it.")
    _require(principal, project.pk, at_least)
    return project


def access_project_by_id(project_id: int, principal: Principal, at_least: int = 0) -> Project:
    """A project by id. Raises NotFound or Forbidden as `access_project` does."""
    project: Project | None = Project.objects.visible_to(principal.user).filter(pk=project_id).first()
    if project is None:
        raise NotFound("There is no such project, or you may not see it.")
    _require(principal, project.pk, at_least)
    return project


def access_group(full_path: str, principal: Principal) -> Group:
    """A group by path. Raises NotFound if the principal may not see it."""
    group: Group | None = Group.objects.visible_to(principal.user).filter(full_path=full_path).first()
    if group is None:
        raise NotFound(f"There is no group {full_path!r}, or you may not see it.")
    return group


def access_group_by_id(group_id: int, principal: Principal, at_least: int) -> Group:
    """A group by id. Raises NotFound if the principal may not see it, Forbidden below the access level."""
    group: Group | None = Group.objects.visible_to(principal.user).filter(pk=group_id).first()
    if group is None:
        raise NotFound("There is no such group, or you may not see it.")
    if not principal.may_write:
        raise Forbidden("Your token's scope allows reading only: use one with the scope api.")
    if principal.level_in_group(group.pk) < at_least:
        raise Forbidden("Your role in this group does not allow this.")
    return group


def _visible(rows: QuerySet[R], what: str, principal: Principal, at_least: int) -> R:
    """The one row, of a model with a project, if the principal may see that project and has the access level."""
    row: R | None = rows.filter(project__in=Project.objects.visible_to(principal.user)).first()
    if row is None:
        raise NotFound(f"There is no such {what}, or you may not see it.")
    _require(principal, row.project_id, at_least)
    return row


def access_pipeline(pipeline_id: int, principal: Principal, at_least: int = 0) -> Pipeline:
    """A pipeline by id, with its project. Raises NotFound or Forbidden as `access_project` does."""
    rows: QuerySet[Pipeline] = Pipeline.objects.select_related("project").filter(pk=pipeline_id)
    return _visible(rows, "pipeline", principal, at_least)


def access_job(job_id: int, principal: Principal, at_least: int = 0) -> Job:
    """A job by id. Raises NotFound or Forbidden as `access_project` does."""
    job: Job | None = Job.objects.by_ids([job_id]).first()
    if job is None:
        raise NotFound("There is no such job, or you may not see it.")
    try:
        access_pipeline(pipeline_of(job_id), principal, at_least)
    except NotFound:
        raise NotFound("There is no such job, or you may not see it.") from None
    return job


def access_stage(stage_id: int, principal: Principal) -> Stage:
    """A stage by id. Raises NotFound as `access_project` does."""
    stage: Stage | None = Stage.objects.by_ids([stage_id]).first()
    if stage is None:
        raise NotFound("There is no such stage, or you may not see it.")
    access_pipeline(pipeline_of(stage_id), principal)
    return stage


def access_environment(environment_id: int, principal: Principal, at_least: int = 0) -> Environment:
    """An environment by id, with its project. Raises NotFound or Forbidden as `access_project` does."""
    rows = Environment.objects.select_related("project").filter(pk=environment_id)
    return _visible(rows, "environment", principal, at_least)


def access_deployment(deployment_id: int, principal: Principal, at_least: int = 0) -> Deployment:
    """A deployment by id, with its environment. Raises NotFound or Forbidden as `access_project` does."""
    rows = Deployment.objects.select_related("project", "environment").filter(pk=deployment_id)
    return _visible(rows, "deployment", principal, at_least)


def access_trigger(trigger_id: int, principal: Principal, *, own: bool = False) -> PipelineTrigger:
    """A trigger token by id, for maintainers of its project. own: only for its owner among them.

    Raises NotFound or Forbidden as `access_project` does.
    """
    rows = PipelineTrigger.objects.filter(pk=trigger_id)
    trigger = _visible(rows, "trigger token", principal, AccessLevel.MAINTAINER)
    if own and (principal.user is None or trigger.owner_id != principal.user.pk):
        raise Forbidden("Only the owner of a trigger token may change it.")
    return trigger


def schedule_abilities(schedule: PipelineSchedule, principal: Principal) -> frozenset[str]:
    """What the principal may do with a schedule they can see: play, update, take_ownership, admin (delete).

    A schedule runs with its owner's rights, so only its owner changes it
    (https://docs.gitlab.com/ci/pipelines/schedules/#edit-a-pipeline-schedule).
    """
    if not principal.may_write or principal.user is None:
        return frozenset()
    level = principal.level_in(schedule.project_id)
    able = set()
    if level >= AccessLevel.DEVELOPER:
        able.add("play")
        if schedule.owner_id == principal.user.pk:
            able |= {"update", "admin"}
    if level >= AccessLevel.MAINTAINER:
        able.add("admin")
        if schedule.owner_id != principal.user.pk:
            able.add("take_ownership")
    return frozenset(able)


def may_read_schedule_variables(schedule: PipelineSchedule, principal: Principal) -> bool:
    """Whether the principal may see the values of a schedule's variables: its owner and Maintainers may."""
    if principal.user is None:
        return False
    level = principal.level_in(schedule.project_id)
    is_owner = schedule.owner_id == principal.user.pk and level >= AccessLevel.DEVELOPER
    return is_owner or level >= AccessLevel.MAINTAINER


_REFUSED: Final = {
    "play": "Playing a schedule takes the Developer role.",
    "update": "Only the owner of a schedule may change it: take ownership first.",
    "admin": "Deleting a schedule takes its owner, or the Maintainer role.",
    "take_ownership": "Taking ownership takes the Maintainer role, and a schedule that is not yours already.",
}


def access_schedule(schedule_id: int, principal: Principal, ability: str = "") -> PipelineSchedule:
    """A schedule by id, with its project. ability: one of `schedule_abilities`; empty to see it.

    Raises NotFound or Forbidden.
    """
    schedule: PipelineSchedule | None = (
        PipelineSchedule.objects.select_related("project", "owner")
        .filter(pk=schedule_id, project__in=Project.objects.visible_to(principal.user))
        .first()
    )
    if schedule is None:
        raise NotFound("There is no such pipeline schedule, or you may not see it.")
    if ability and ability not in schedule_abilities(schedule, principal):
        _require(principal, schedule.project_id, AccessLevel.GUEST)
        raise Forbidden(_REFUSED[ability])
    return schedule


def _require(principal: Principal, project_id: int, at_least: int) -> None:
    if at_least and not principal.may_write:
        raise Forbidden("Your token's scope allows reading only: use one with the scope api.")
    if principal.level_in(project_id) < at_least:
        raise Forbidden("Your role in this project does not allow this.")


def job_by_token(token: str) -> Job | None:
    """The job whose token this is, whatever its status; None if the token is not a job's."""
    job_id = tokens.job_id_of(token)
    if job_id is None:
        return None
    job: Job | None = Job.objects.by_ids([job_id]).first()
    return job if job is not None and tokens.is_token_of(token, job) else None
