"""Owns what is followed: developers of a project, and its pipelines with jobs that wait for somebody to start them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ci_core.models import Pipeline, Project

USERS: Final = 20


def people(jobs: int) -> tuple[Project, list[str]]:
    """A project, and tokens of its developers."""
    from ci_core import clock
    from ci_core.actions import projects, users
    from ci_core.repositories.samples import import_folder
    from ci_core.statuses import AccessLevel

    folder = Path(tempfile.mkdtemp(prefix="pipeyard-bench-"))
    (folder / "source").mkdir()
    config = "\n".join(f"job{number}: {{script: make, when: manual}}" for number in range(jobs))
    (folder / "source" / ".gitlab-ci.yml").write_text(config)
    target = folder / "repository.git"
    import_folder(
        folder / "source",
        target,
        branch="main",
        author="A",
        email="a@example.com",
        at=clock.now(),
        message="m",
    )
    owner = users.create_user("owner", None)
    project = projects.create_project("bench/live", acting_user=owner, repository_path=str(target))
    tokens = []
    for number in range(USERS):
        user = users.create_user(f"developer{number}", None)
        projects.add_member(project, user, AccessLevel.DEVELOPER)
        tokens.append(users.create_personal_token(user, "bench", ["api"]))
    return project, tokens


def pipelines(project: Project, count: int) -> list[Pipeline]:
    """New pipelines of the project."""
    from ci_core.actions.pipelines import create_pipeline
    from ci_core.statuses import PipelineSource

    return [create_pipeline(project, "main", PipelineSource.WEB, acting_user=None) for _ in range(count)]


def change(pipeline: Pipeline) -> None:
    """Starts the next job of a pipeline, which changes the job, its stage and the pipeline."""
    from ci_core.actions.jobs import play_job
    from ci_core.models import Job

    waiting = Job.objects.in_pipeline(pipeline.pk).filter(status="manual").order_by("pk")[0]
    play_job(waiting.pk, acting_user=None)
