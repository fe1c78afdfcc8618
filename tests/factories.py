"""Builds test data: rows without rules by factory, everything else through the actions."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import factory
import yaml
from factory.django import DjangoModelFactory

from ci_core import clock, models
from ci_core.actions import pipelines, runners
from ci_core.models import Pipeline, Project, Runner, User
from ci_core.statuses import AccessLevel, PipelineSource
from tests.support.repositories import make_repository


class UserFactory(DjangoModelFactory[User]):
    """A user who can sign in."""

    class Meta:
        model = models.User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    name = factory.Sequence(lambda n: f"User {n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")


class ProjectFactory(DjangoModelFactory[Project]):
    """A project with a git repository that holds `files` (by default a one-job configuration)."""

    class Meta:
        model = models.Project
        skip_postgeneration_save = True

    class Params:
        files: dict[str, str] = {".gitlab-ci.yml": "build:\n  script: make\n"}

    full_path = factory.Sequence(lambda n: f"group/project{n}")
    name = factory.Sequence(lambda n: f"Project {n}")
    visibility = "private"
    default_branch = "main"
    created_at = factory.LazyFunction(clock.now)
    updated_at = factory.LazyFunction(clock.now)

    @factory.lazy_attribute
    def repository_path(self) -> str:
        folder = (
            Path(tempfile.mkdtemp(prefix="repository-", dir=os.environ["PIPEYARD_HOME"])) / "repository.git"
        )
        make_repository(folder, self.files, branch=self.default_branch)
        return str(folder)


def member(project: Project, level: int = AccessLevel.DEVELOPER, **user: Any) -> User:
    """A new user with this access level in the project."""
    created: User = UserFactory(**user)
    models.ProjectMembership.objects.create(user=created, project=project, access_level=level)
    return created


def project_with(config: str | dict[str, Any], **fields: Any) -> Project:
    """A project whose repository holds this CI configuration (YAML text or its content)."""
    text = config if isinstance(config, str) else yaml.safe_dump(config, sort_keys=False)
    project: Project = ProjectFactory(files={".gitlab-ci.yml": text}, **fields)
    return project


def pipeline_with(config: str | dict[str, Any], *, user: User | None = None, **fields: Any) -> Pipeline:
    """A pipeline of a new project with this configuration, created through the action."""
    project = project_with(config, **fields)
    return pipelines.create_pipeline(project, project.default_branch, PipelineSource.PUSH, acting_user=user)


def runner_with_token(**settings: Any) -> tuple[Runner, str]:
    """A runner and its token."""
    return runners.create_runner(acting_user=None, **settings)
