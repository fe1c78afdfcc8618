"""The one true reason why a job waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from ci_core.decisions.runner_matching import Obstacle, QueuedJob, RunnerSnapshot, obstacles
from ci_core.statuses import COMPLETED, AccessLevel, Status


class WaitKind(StrEnum):
    """What a job waits for."""

    NEEDS = "needs"
    EARLIER_STAGES = "earlier_stages"
    MANUAL = "manual"
    DELAYED = "delayed"
    RESOURCE_GROUP = "resource_group"
    NO_RUNNER = "no_runner"
    MISSING_TAGS = "missing_tags"
    UNTAGGED = "untagged"
    PROTECTED_REF = "protected_ref"
    RUNNERS_PAUSED = "runners_paused"
    RUNNERS_OFFLINE = "runners_offline"
    RUNNERS_BUSY = "runners_busy"
    NEXT_REQUEST = "next_request"
    PREPARATION = "preparation"
    DOWNSTREAM_PIPELINE = "downstream_pipeline"
    MIRRORED_PIPELINE = "mirrored_pipeline"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a job waits. stuck: nothing that is there now will ever start it. details: the message's parts."""

    kind: WaitKind
    message: str
    stuck: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """A pending job's place in the queue of those runners that may take it. oldest: seconds that the first waits."""

    position: int
    of: int
    oldest: int


@dataclass(frozen=True, slots=True)
class WaitSnapshot:
    """A job that may be waiting.

    before: names and statuses of what it still waits for, by needs or by stage. holder: what has its resource.
    kept_for: what comes first, by the group's process mode, but is not ready; then the resource is free. runners: all
    there are. place: of a pending job, given the runners that may take it. deployers: of a manual job of a protected
    environment: who may deploy, in words. outdated: something newer is deployed to a manual job's environment.
    archived: its pipeline is. bridge: it is a trigger job; downstream, mirrored: id and status of the pipeline that it
    created, or that it mirrors.
    """

    status: Status
    job: QueuedJob
    by_needs: bool = False
    before: Sequence[tuple[str, Status]] = ()
    due_at: datetime | None = None
    resource_group: str = ""
    holder: str = ""
    kept_for: str = ""
    runners: Sequence[RunnerSnapshot] = ()
    place: Callable[[Sequence[RunnerSnapshot]], Place] | None = None
    deployers: str = ""
    outdated: bool = False
    archived: bool = False
    bridge: bool = False
    downstream: tuple[int, Status] | None = None
    mirrored: tuple[int, Status] | None = None


#: Names that a message lists before it only counts.
LISTED: Final = 5
_PASSING: Final = frozenset({Obstacle.PAUSED, Obstacle.OFFLINE})


def why(snapshot: WaitSnapshot) -> Waiting | None:
    """Why the job waits; None for one that does not."""
    if snapshot.bridge and snapshot.status not in COMPLETED:
        if snapshot.downstream is not None:
            return _downstream(*snapshot.downstream)
        if snapshot.mirrored is not None:
            id_, status = snapshot.mirrored
            message = f"Mirrors the pipeline #{id_} ({status.value})."
            return Waiting(WaitKind.MIRRORED_PIPELINE, message, details={"mirrored_pipeline": id_})
        if snapshot.status in (Status.PENDING, Status.RUNNING):
            return Waiting(WaitKind.DOWNSTREAM_PIPELINE, "Its downstream pipeline is about to be created.")
    decide = _BY_STATUS.get(snapshot.status)
    return decide(snapshot) if decide else None


def _downstream(pipeline_id: int, status: Status) -> Waiting:
    message = f"Waits for its downstream pipeline #{pipeline_id} ({status.value})."
    return Waiting(WaitKind.DOWNSTREAM_PIPELINE, message, details={"downstream_pipeline": pipeline_id})


def _before(snapshot: WaitSnapshot) -> Waiting:
    names = _listed([f"{name} ({status.value})" for name, status in snapshot.before])
    details = {"jobs": [name for name, _ in snapshot.before]}
    if not snapshot.before:
        return Waiting(WaitKind.PREPARATION, "Its pipeline is being processed.")
    if snapshot.by_needs:
        return Waiting(WaitKind.NEEDS, f"Waits for the jobs that it needs: {names}.", details=details)
    return Waiting(WaitKind.EARLIER_STAGES, f"Waits for jobs of earlier stages: {names}.", details=details)


def _manual(snapshot: WaitSnapshot) -> Waiting:
    if snapshot.archived:
        message = "Nobody can start it any more, since its pipeline is archived: run a new pipeline."
        return Waiting(WaitKind.MANUAL, message)
    if snapshot.outdated:
        message = (
            "Nobody can start it any more, since something newer is deployed to its environment: "
            "cancel it, or run a new pipeline."
        )
        return Waiting(WaitKind.MANUAL, message)
    if snapshot.deployers:
        message = f"Waits for somebody to start it; its environment is protected: {snapshot.deployers}."
        return Waiting(WaitKind.MANUAL, message, details={"access_level": AccessLevel.DEVELOPER})
    return Waiting(
        WaitKind.MANUAL,
        "Waits for somebody to start it; developers, maintainers and owners of the project may.",
        details={"access_level": AccessLevel.DEVELOPER},
    )


def _delayed(snapshot: WaitSnapshot) -> Waiting:
    due = snapshot.due_at.isoformat(timespec="seconds") if snapshot.due_at else "its time"
    return Waiting(WaitKind.DELAYED, f"Delayed until {due}.", details={"due_at": snapshot.due_at})


def _resource(snapshot: WaitSnapshot) -> Waiting:
    if snapshot.holder:
        held = f", held by {snapshot.holder}"
    elif snapshot.kept_for:
        held = f", which by its process mode is kept for {snapshot.kept_for}"
    else:
        held = ", which is about to be handed over"
    return Waiting(
        WaitKind.RESOURCE_GROUP,
        f"Waits for resource group {snapshot.resource_group}{held}.",
        details={"resource_group": snapshot.resource_group, "holder": snapshot.holder},
    )


def _pending(snapshot: WaitSnapshot) -> Waiting:
    """By what keeps the runners that come closest to taking it."""
    found = {runner: obstacles(runner, snapshot.job) for runner in snapshot.runners}
    takers = [runner for runner, kept_by in found.items() if not kept_by]
    if takers:
        return _queued(snapshot, takers)
    able = [runner for runner, kept_by in found.items() if kept_by <= _PASSING]
    if able:
        return _away(able, found)
    serving = {
        runner: kept_by
        for runner, kept_by in found.items()
        if Obstacle.OTHER_PROJECTS not in kept_by and not kept_by & _PASSING
    }
    return _unsuited(snapshot.job, serving)


def _queued(snapshot: WaitSnapshot, takers: Sequence[RunnerSnapshot]) -> Waiting:
    place = snapshot.place(takers) if snapshot.place else Place(1, 1, 0)
    details = {"runners": len(takers), "position": place.position, "of": place.of, "oldest": place.oldest}
    queue = f"position {place.position} of {place.of}; the oldest waits {place.oldest} s"
    if all(runner.running for runner in takers):
        all_of = (
            "The one matching runner is" if len(takers) == 1 else f"All {len(takers)} matching runners are"
        )
        return Waiting(WaitKind.RUNNERS_BUSY, f"{all_of} busy: {queue}.", details=details)
    idle = next(runner for runner in takers if not runner.running)
    return Waiting(
        WaitKind.NEXT_REQUEST, f"Runner {idle.name} takes it when its turn comes: {queue}.", details=details
    )


def _away(able: Sequence[RunnerSnapshot], found: Mapping[RunnerSnapshot, frozenset[Obstacle]]) -> Waiting:
    paused = [runner for runner in able if found[runner] == {Obstacle.PAUSED}]
    names = _listed([runner.name for runner in paused or able])
    details = {"runners": [runner.id for runner in paused or able]}
    if paused:
        return Waiting(
            WaitKind.RUNNERS_PAUSED, f"Runners that may take it are paused: {names}.", True, details
        )
    return Waiting(WaitKind.RUNNERS_OFFLINE, f"Runners that may take it are offline: {names}.", True, details)


def _unsuited(job: QueuedJob, serving: Mapping[RunnerSnapshot, frozenset[Obstacle]]) -> Waiting:
    """No runner may take it, online or not. serving: runners that are online and serve its project."""
    wanted = ", ".join(sorted(job.tags))
    if not serving:
        message = "No runner that serves its project is online."
        return Waiting(WaitKind.NO_RUNNER, message, True, {"tags": sorted(job.tags)})
    for runner, kept_by in serving.items():
        if kept_by == {Obstacle.PROTECTED_REFS_ONLY}:
            message = f"Its ref is not protected, and runner {runner.name} takes jobs of protected refs only."
            return Waiting(WaitKind.PROTECTED_REF, message, True, {"runner": runner.id})
    nearest = min(serving, key=lambda runner: (len(job.tags - runner.tags), runner.id))
    if not job.tags:
        message = f"It has no tags, and runner {nearest.name} takes jobs with tags only."
        return Waiting(WaitKind.UNTAGGED, message, True, {"runner": nearest.id})
    lacking = sorted(job.tags - nearest.tags)
    message = f"No runner online may take a job with the tags {wanted}"
    if lacking:
        message += f"; the nearest, {nearest.name}, lacks {', '.join(lacking)}"
    return Waiting(
        WaitKind.MISSING_TAGS,
        f"{message}.",
        True,
        {"tags": sorted(job.tags), "runner": nearest.id, "lacking": lacking},
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")


_BY_STATUS: Final[Mapping[Status, Callable[[WaitSnapshot], Waiting]]] = {
    Status.CREATED: _before,
    Status.MANUAL: _manual,
    Status.SCHEDULED: _delayed,
    Status.WAITING_FOR_RESOURCE: _resource,
    Status.PENDING: _pending,
    Status.PREPARING: lambda snapshot: Waiting(WaitKind.PREPARATION, "Its prerequisites are being prepared."),
}
