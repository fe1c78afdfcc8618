"""Who may see and do what with runners. Source of the rules: GitLab, Ci::RunnerPolicy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ci_core.access import Principal
from ci_core.errors import Forbidden, NotFound
from ci_core.models import Group, Project, Runner, RunnerType
from ci_core.statuses import AccessLevel


@dataclass(frozen=True, slots=True)
class RunnerRights:
    """What somebody may do with a runner. administer: see its notes, queue and jobs, whatever their token allows.

    assign: give it to further projects.
    """

    read: bool = False
    administer: bool = False
    update: bool = False
    delete: bool = False
    assign: bool = False


_REFUSED: Final = {
    "administer": "Jobs and notes of a runner are for those who may change it.",
    "update": "Changing a runner takes an administrator, a maintainer of a project that it is assigned to, or an owner "
    "of its group.",
    "delete": "Deleting a runner takes an administrator, a maintainer of the only project that it is assigned to, or "
    "an owner of its group.",
    "assign": "Assigning a runner to projects takes a maintainer of one that has it, and a runner that is not locked.",
}


def runner_rights(principal: Principal, runners: Sequence[Runner]) -> dict[int, RunnerRights]:
    """What the principal may do with each runner, by id. Statements do not depend on how many."""
    if principal.user is None:
        return {runner.pk: RunnerRights() for runner in runners}
    if principal.user.is_superuser:
        may = principal.may_write
        return dict.fromkeys((runner.pk for runner in runners), RunnerRights(True, True, may, may, may))
    assigned = assigned_projects(
        runner.pk for runner in runners if runner.runner_type == RunnerType.PROJECT_TYPE
    )
    principal.load_levels([project_id for ids in assigned.values() for project_id in ids])
    groups = _rights_in_groups(principal, {runner.group_id for runner in runners if runner.group_id})
    return {
        runner.pk: groups[runner.group_id]
        if runner.group_id is not None
        else _of_user(principal, runner, assigned.get(runner.pk, ()))
        for runner in runners
    }


def _rights_in_groups(principal: Principal, group_ids: set[int]) -> dict[int, RunnerRights]:
    """What the principal may do with the runners of each group.

    Its owners change them, its maintainers see their jobs, and maintainers of projects in it see them.
    """
    if not group_ids or principal.user is None:
        return {}
    levels = principal.levels_in_groups(sorted(group_ids))
    maintained = Project.objects.with_member(principal.user, AccessLevel.MAINTAINER)
    holding = set(Group.objects.holding(maintained).filter(pk__in=group_ids).values_list("pk", flat=True))
    found = {}
    for group_id, level in levels.items():
        owner = level >= AccessLevel.OWNER
        may = owner and principal.may_write
        found[group_id] = RunnerRights(
            read=level >= AccessLevel.MAINTAINER or group_id in holding,
            administer=level >= AccessLevel.MAINTAINER,
            update=may,
            delete=may,
            assign=False,
        )
    return found


def _of_user(principal: Principal, runner: Runner, project_ids: Sequence[int]) -> RunnerRights:
    if runner.runner_type == RunnerType.INSTANCE_TYPE:
        return RunnerRights(read=True)
    maintained = [id_ for id_ in project_ids if principal.level_in(id_) >= AccessLevel.MAINTAINER]
    may = bool(maintained) and principal.may_write
    return RunnerRights(
        read=bool(maintained),
        administer=bool(maintained),
        update=may,
        delete=may and len(project_ids) == 1,
        assign=may and not runner.locked,
    )


def assigned_projects(runner_ids: Iterable[int]) -> Mapping[int, list[int]]:
    """The projects that each runner is assigned to, in the order of assignment: the first owns it."""
    found: dict[int, list[int]] = {}
    wanted = list(runner_ids)
    if not wanted:
        return found
    rows = Runner.projects.through.objects.filter(runner_id__in=wanted).order_by("pk")
    for runner_id, project_id in rows.values_list("runner_id", "project_id"):
        found.setdefault(runner_id, []).append(project_id)
    return found


def access_runner(runner_id: int, principal: Principal, right: str = "read") -> Runner:
    """A runner by id. right: a field of RunnerRights. Raises NotFound for one that they may not see, or Forbidden."""
    runner: Runner | None = Runner.objects.filter(pk=runner_id).first()
    rights = runner_rights(principal, [runner])[runner.pk] if runner is not None else RunnerRights()
    if runner is None or not rights.read:
        raise NotFound("There is no such runner, or you may not see it.")
    if not getattr(rights, right):
        if right != "administer" and not principal.may_write:
            raise Forbidden("Your token's scope allows reading only: use one with the scope api.")
        raise Forbidden(_REFUSED[right])
    return runner
