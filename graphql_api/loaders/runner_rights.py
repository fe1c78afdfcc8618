"""Owns reading what the caller may do with runners, once a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ci_core import models
from ci_core.runner_access import RunnerRights, runner_rights
from graphql_api.context import Context
from graphql_api.loaders import rows


def rights(context: Context, runners: Sequence[models.Runner]) -> list[RunnerRights]:
    """What the caller may do with each of the runners."""
    by_id = {runner.pk: runner for runner in runners}
    found = context.remembered(
        "runner rights",
        by_id,
        lambda missing: runner_rights(context.principal, [by_id[id_] for id_ in missing]),
    )
    return [found[runner.pk] or RunnerRights() for runner in runners]


def visible(context: Context, runner_ids: Iterable[int | None]) -> Mapping[int, models.Runner]:
    """Those of the runners that the caller may see, by id."""
    ids = [id_ for id_ in dict.fromkeys(runner_ids) if id_ is not None]
    known = rows.runners(context, ids)
    found = [runner for id_ in ids if (runner := known[id_]) is not None]
    may = rights(context, found)
    return {runner.pk: runner for runner, right in zip(found, may, strict=True) if right.read}
