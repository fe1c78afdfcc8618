"""Plain models of pipelines that have resources in common and trigger each other; shares no code with the product.

Rules: docs/downstream-pipelines.md and https://docs.gitlab.com/ci/resource_groups/#process-modes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from tests.support.model import CANCELABLE, COMPLETED, Model, ModelJob


@dataclass
class Link:
    """What a trigger job created. copy: the number of the job's copy that did."""

    parent: Model
    bridge: str
    copy: int
    child: Model

    @property
    def job(self) -> ModelJob:
        return self.parent.jobs[self.bridge]

    @property
    def current(self) -> bool:
        """Whether the copy that created it is still the newest."""
        return self.job.number == self.copy


@dataclass
class World:
    """Pipelines in the order in which they were made. modes: of the resource groups, by name."""

    modes: dict[str, str]
    pipelines: list[Model] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    to_cancel: list[Model] = field(default_factory=list)

    def add(self, model: Model) -> Model:
        """A new pipeline, which starts."""
        self.pipelines.append(model)
        model.share = partial(self._share, model)
        model.stored_anew = partial(self._follow, model)
        model.step()
        return model

    # --- resource groups ---

    def _claim(self, group: str) -> tuple[Model, ModelJob] | None:
        """The job that gets a group now; None while some job has it, or nobody is to have it."""
        everybody = [
            (at, model, job) for at, model in enumerate(self.pipelines) for job in model.jobs.values()
        ]
        of_group = [each for each in everybody if each[2].group == group]
        if any(job.holds for _, _, job in of_group):
            return None
        mode = self.modes[group]
        wanting = ["waiting_for_resource"] if mode in ("unordered", "newest_ready_first") else WANTING
        claims = [each for each in of_group if each[2].status in wanting and not each[2].started]
        newest = mode.startswith("newest")
        claims.sort(
            key=lambda each: (
                -each[0] if newest else each[0],
                each[2].status != "waiting_for_resource",
                each[2].number,
            )
        )
        if not claims or claims[0][2].status != "waiting_for_resource":
            return None
        return claims[0][1], claims[0][2]

    def _share(self, model: Model) -> None:
        """Gives free resources to a pipeline's jobs where it is their turn."""
        for group in self.modes:
            claim = self._claim(group)
            if claim is not None and claim[0] is model:
                claim[1].status, claim[1].holds = "pending", True

    # --- downstream pipelines ---

    def start_bridge(self, parent: Model, name: str, child: Model) -> Model:
        """A trigger job's pipeline is there."""
        job = parent.jobs[name]
        job.started, job.status = True, "running"
        parent.step()
        self.links.append(Link(parent, name, job.number, child))
        self.add(child)
        if job.strategy == "":
            parent.end(name, "success")
        return child

    def _follow(self, child: Model, before: str) -> None:
        """Moves the trigger job of a pipeline that had another status before."""
        link = next((link for link in self.links if link.child is child), None)
        if link is None or not link.job.strategy or not link.current or child.status == before:
            return
        job = link.job
        wanted = _MIRROR.get(child.status, child.status)
        if job.strategy == "depend":
            wanted = _DEPEND.get(child.status, "running")
        if wanted == job.status or (job.status in COMPLETED and before not in COMPLETED):
            return
        was, job.status = job.status, wanted
        if wanted == "failed" and link.parent.cancel_rest(job):
            self._cancel_children(link.parent)
        if was in COMPLETED or (was == "manual" and wanted not in ("failed", "canceled")):
            link.parent.reset_behind(job)
        link.parent.step()

    def _cancel_children(self, parent: Model, names: Iterable[str] | None = None) -> None:
        """Notes the children, of some trigger jobs or of all, that are to be cancelled. Those of earlier copies too."""
        for link in self.links:
            if link.parent is parent and (names is None or (link.bridge in names and link.current)):
                self.to_cancel.append(link.child)

    # --- verbs ---

    def cancel_job(self, model: Model, name: str) -> None:
        if model.jobs[name].strategy is not None:
            self._cancel_children(model, [name])
        model.cancel([name])

    def cancel_pipeline(self, model: Model) -> None:
        self._cancel_children(model)
        model.cancel([job.name for job in model.jobs.values() if job.status in CANCELABLE])

    def fail(self, model: Model, name: str, code: int) -> None:
        job = model.jobs[name]
        retried = job.retries
        model.fail(name, code)
        if model.cancel_on_failure and not job.allow_failure and job.retries == retried:
            self._cancel_children(model)

    def settle(self) -> None:
        """What follows a verb: children of what was cancelled, then resources that have become free."""
        while True:
            if self.to_cancel:
                child = self.to_cancel.pop(0)
                if child.status not in COMPLETED:
                    self.cancel_pipeline(child)
                continue
            claim = next((found for group in self.modes if (found := self._claim(group))), None)
            if claim is None:
                return
            claim[1].status, claim[1].holds = "pending", True
            claim[0].step()


#: Statuses in which a job wants its resource, ready or not.
WANTING = ["created", "scheduled", "waiting_for_resource"]
_MIRROR = {"created": "running"}
_DEPEND = {"success": "success", "failed": "failed", "skipped": "failed", "canceled": "canceled"}
