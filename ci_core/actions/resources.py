"""Resource groups: made when a configuration names them, changed by people, swept in case a hand-over was lost."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from django.db import connection, transaction
from django.db.models.functions import Random

from ci_core import clock
from ci_core.actions.sweeping import one_by_one
from ci_core.errors import NotFound
from ci_core.models import ProcessMode, ResourceClaim, ResourceGroup
from ci_core.processing import hand_over

#: Groups that one sweep looks at.
BATCH: Final = 200

_ENSURE: Final = """
INSERT INTO ci_core_resourcegroup (project_id, key, process_mode, created_at, updated_at)
SELECT %(project)s, key, %(mode)s, %(now)s, %(now)s FROM unnest(%(keys)s::text[]) AS t(key) ORDER BY key
ON CONFLICT (project_id, key) DO NOTHING
"""


def ensure_groups(project_id: int, keys: Collection[str]) -> dict[str, int]:
    """Ids by key of a project's resource groups, made where missing."""
    if not keys:
        return {}
    parameters: dict[str, Any] = {
        "project": project_id,
        "mode": ProcessMode.UNORDERED.value,
        "now": clock.now(),
        "keys": sorted(keys),
    }
    with connection.cursor() as cursor:
        cursor.execute(_ENSURE, parameters)
    groups = ResourceGroup.objects.filter(project_id=project_id, key__in=keys)
    return dict(groups.values_list("key", "id"))


def change_process_mode(group: ResourceGroup, mode: ProcessMode) -> ResourceGroup:
    """Changes which waiting job gets a resource next, and gives it away at once if it is free. Raises NotFound."""
    with transaction.atomic():
        changed = ResourceGroup.objects.filter(pk=group.pk).update(
            process_mode=mode.value, updated_at=clock.now()
        )
        if not changed:
            raise NotFound("The resource group does not exist.")
        transaction.on_commit(lambda: hand_over(group.pk), robust=True)
    group.refresh_from_db()
    return group


def hand_over_free_groups() -> int:
    """Hands over groups that are free although a job is ready for them; returns how many.

    That happens when a process dies between a commit and the hand-over that follows it. Chosen at random: by their
    process modes, any number of free groups may be kept for a job that is not ready.
    """
    waited_for = ResourceClaim.objects.filter(ready=True).values("group_id")
    free = ResourceGroup.objects.filter(pk__in=waited_for, holder_id=None).order_by(Random())
    return len(one_by_one(list(free.values_list("id", flat=True)[:BATCH]), hand_over))
