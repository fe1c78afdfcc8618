"""Groups, and who belongs to them."""

from __future__ import annotations

import re
from typing import Final

from django.db import transaction
from django.db.models import Q

from ci_core import clock
from ci_core.actions.schedules import stop_schedules_of
from ci_core.errors import InvalidInput
from ci_core.events import ringing
from ci_core.locks import lock_paths
from ci_core.models import Group, GroupMembership, Project, User
from ci_core.statuses import AccessLevel

_FULL_PATH: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
#: Groups in one another. Source: GitLab, https://docs.gitlab.com/user/group/subgroups/.
MAX_DEPTH: Final = 20


@transaction.atomic
def create_group(full_path: str, *, acting_user: User, name: str = "", description: str = "") -> Group:
    """A new group, owned by whoever creates it; takes in the projects whose paths begin with its own.

    Raises InvalidInput for a path that cannot be one, or whose group around it is not there.
    """
    lock_paths()
    parent = _parent(full_path)
    now = clock.now()
    group = Group.objects.create(
        full_path=full_path,
        name=name or full_path.rpartition("/")[2],
        description=description,
        parent=parent,
        created_at=now,
        updated_at=now,
    )
    group.traversal_ids = [*(parent.traversal_ids if parent else ()), group.pk]
    group.save(update_fields=["traversal_ids"])
    nearest = Q(group=parent) if parent else Q(group__isnull=True)
    Project.objects.filter(nearest, full_path__startswith=f"{full_path}/").update(group=group)
    add_group_member(group, acting_user, AccessLevel.OWNER)
    return group


def _parent(full_path: str) -> Group | None:
    """The group around a new one. Raises InvalidInput."""
    if not _FULL_PATH.fullmatch(full_path) or full_path.endswith((".git", ".atom")) or len(full_path) > 255:
        raise InvalidInput(f"{full_path[:80]!r} is not a group's path: write it like shop or shop/web.")
    taken = Q(full_path__iexact=full_path)
    if Group.objects.filter(taken).exists() or Project.objects.filter(taken).exists():
        raise InvalidInput(f"There is a group or a project {full_path} already.")
    around = full_path.rpartition("/")[0]
    if not around:
        return None
    parent: Group | None = Group.objects.filter(full_path=around).first()
    if parent is None:
        raise InvalidInput(f"There is no group {around}: create it first.")
    if len(parent.traversal_ids) >= MAX_DEPTH:
        raise InvalidInput(f"Groups stand in one another {MAX_DEPTH} deep at most.")
    return parent


@transaction.atomic
def update_group(group: Group, *, name: str, description: str) -> None:
    """Changes what a group is called; its path stays. Raises InvalidInput."""
    if not name:
        raise InvalidInput("A group needs a name.")
    Group.objects.filter(pk=group.pk).update(name=name, description=description, updated_at=clock.now())


@transaction.atomic
def add_group_member(group: Group, user: User, access_level: int) -> GroupMembership:
    """Gives a user a role in a group, or changes it; their schedules stop where it is too low for them."""
    membership, _ = GroupMembership.objects.update_or_create(
        group=group, user=user, defaults={"access_level": access_level}
    )
    stop_schedules_of(user)
    ringing.ring(ringing.user(user.pk))
    return membership


@transaction.atomic
def remove_group_member(group: Group, user: User) -> bool:
    """Takes a user's role in a group away, and stops their schedules where they need it; False if there was none."""
    deleted, _ = GroupMembership.objects.filter(group=group, user=user).delete()
    stop_schedules_of(user)
    ringing.ring(ringing.user(user.pk))
    return deleted > 0


def group_of(full_path: str) -> Group | None:
    """The innermost group whose path a project's path begins with."""
    segments = full_path.split("/")[:-1]
    paths = ["/".join(segments[: number + 1]) for number in range(len(segments))]
    found = {group.full_path: group for group in Group.objects.filter(full_path__in=paths)}
    return next((found[path] for path in reversed(paths) if path in found), None)
