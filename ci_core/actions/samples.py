"""The sample projects that a new installation comes with, and the demo user who owns them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from django.conf import settings

from ci_core import clock
from ci_core.actions.pipelines import create_pipeline
from ci_core.actions.projects import create_project
from ci_core.actions.runners import create_runner, rotate_runner_token
from ci_core.actions.users import create_personal_token, create_user
from ci_core.models import Pipeline, Project, Runner, User, Visibility
from ci_core.repositories.samples import import_folder
from ci_core.statuses import PipelineSource

GROUP: Final = "samples"
DEMO: Final = "demo"
LOCAL_RUNNER: Final = "local runner"
#: Samples whose pipeline starts by itself; the others are for the user to start.
STARTED: Final = ("web-shop", "broken", "family")


def seed(sources: Path) -> Iterator[str]:
    """Makes what is missing of the samples, and tells about each thing it makes.

    sources: folder with one folder of plain files per sample. The demo user's password, token and the local runner's
    token go to files in PIPEYARD_HOME that only their owner can read.
    """
    user = User.objects.filter(username=DEMO).first()
    if user is None or not _file("demo-password").exists():
        user = _demo_user(user)
        yield "user demo: password in demo-password"
    if not _file("demo-token").exists():
        _keep("demo-token", lambda: create_personal_token(user, "demo", ["api"]))
        yield "personal access token of demo: in demo-token"
    if not _file("runner-token").exists():
        _keep("runner-token", _runner_token)
        yield "local runner: token in runner-token"
    folders = sorted(path for path in sources.iterdir() if path.is_dir())
    for folder in sorted(folders, key=lambda folder: folder.name != STARTED[0]):
        full_path = f"{GROUP}/{folder.name}"
        project = Project.objects.filter(full_path=full_path).first()
        if project is None:
            project = _project(folder, full_path, user)
            yield f"project {full_path}"
        if folder.name in STARTED and not Pipeline.objects.filter(project=project).exists():
            pipeline = create_pipeline(project, "main", PipelineSource.PUSH, acting_user=user)
            yield f"pipeline {pipeline} of {full_path}: {pipeline.status}"


def _demo_user(existing: User | None) -> User:
    """The demo user, with a new random password."""
    password = secrets.token_urlsafe(9)
    if existing is None:
        existing = create_user(DEMO, password, name="Demo", email="demo@example.com", admin=True)
    else:
        existing.set_password(password)
        existing.save(update_fields=["password"])
    _keep("demo-password", lambda: password)
    return existing


def _runner_token() -> str:
    runner = Runner.objects.filter(description=LOCAL_RUNNER).first()
    if runner is not None:
        return rotate_runner_token(runner)
    _, token = create_runner(acting_user=None, description=LOCAL_RUNNER)
    return token


def _project(folder: Path, full_path: str, user: User) -> Project:
    repository = f"{full_path}.git"
    target = Path(settings.PIPEYARD_REPOSITORIES) / repository
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        import_folder(
            folder,
            target,
            branch="main",
            author=user.name,
            email=user.email,
            at=clock.now(),
            message=f"Add the sample {folder.name}",
        )
    return create_project(
        full_path, acting_user=user, repository_path=repository, visibility=Visibility.PUBLIC
    )


def _file(name: str) -> Path:
    return Path(settings.PIPEYARD_HOME) / name


def _keep(name: str, make: Callable[[], str]) -> None:
    """Writes a secret to a file of PIPEYARD_HOME that only its owner can read."""
    path = _file(name)
    secret = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secret + "\n")
