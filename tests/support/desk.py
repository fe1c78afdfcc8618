"""Helpers of the admin's tests: staff with certain permissions, addresses of pages, and a world to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from ci_core import clock, tokens
from ci_core.actions import environments, groups, jobs, pipelines, projects, runners, traces, users, variables
from ci_core.actions.trigger_tokens import create_trigger
from ci_core.models import Job, Pipeline, Project, Runner, User
from ci_core.statuses import AccessLevel, FailureReason, PipelineSource
from ci_core.variables.given import GivenVariable
from tests.factories import ProjectFactory, UserFactory, project_with

CONFIG = """
stages: [build, test, deploy]
compile: {stage: build, script: make}
unit: {stage: test, script: make test, tags: [docker]}
lint: {stage: test, script: make lint, needs: [compile], allow_failure: true}
ship: {stage: deploy, script: make ship, when: manual, environment: {name: production, url: "https://example.com"}}
"""


def staff(*permissions: str, superuser: bool = False, **fields: Any) -> User:
    """A member of the staff with these permissions of ci_core, such as `view_job`."""
    user: User = UserFactory(is_staff=True, is_superuser=superuser, **fields)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=permissions, content_type__app_label="ci_core")
    )
    assert user.user_permissions.count() == len(permissions)
    return user


def signed_in(user: User, **options: Any) -> Client:
    """A browser with the user's session."""
    client = Client(**options)
    client.force_login(user)
    return client


def url(model: type[Model] | Model, page: str = "changelist", *more: Any) -> str:
    """The address of a model's list, or of a row's page."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
    key = [model.pk] if isinstance(model, Model) else []
    return reverse(name, args=[*key, *more])


def desk_models() -> list[type[Model]]:
    """The models of the domain that have pages."""
    return [model for model in admin.site._registry if model._meta.app_label == "ci_core"]


@dataclass
class World:
    """A few rows of everything, each with relations of its own; and every secret among them."""

    secrets: list[str]
    template: Project

    def grow(self, size: int) -> None:
        """Adds rows until there are `size` of each kind."""
        for number in range(Pipeline.objects.count(), size):
            self._add(number)

    def _add(self, number: int) -> None:
        user = UserFactory(password=f"pbkdf2_sha256$1000$pepper{number}$secret{number}")
        project: Project = ProjectFactory(repository_path=self.template.repository_path)
        projects.add_member(project, user, AccessLevel.MAINTAINER)
        variable = variables.set_variable(
            project, "KEY", f"project-secret-{number}", variables.VariableSettings()
        )
        group = groups.create_group(f"folder{number}", acting_user=user)
        shared = variables.set_group_variable(
            group, "SHARED", f"group-secret-{number}", variables.VariableSettings()
        )
        environments.protect_environment(project, "production", access_level=None, users=[user])
        runner, runner_token = runners.create_runner(
            acting_user=user, description=f"r{number}", tags=["docker"]
        )
        runners.touch_runner(runner, f"system{number}", {"name": "gitlab-runner"}, "127.0.0.1")
        token = users.create_personal_token(user, "laptop", ["api"])
        registration = runners.create_registration_token(project)
        trigger = create_trigger(project, acting_user=user, description="deploy")
        given = [GivenVariable("GIVEN", f"given-secret-{number}")]
        pipeline = pipelines.create_pipeline(
            project, "main", PipelineSource.PUSH, acting_user=user, variables=given
        )
        self._run(pipeline, runner)
        self.secrets += [
            runner_token,
            token,
            registration,
            trigger.new_token or "",
            variable.value,
            shared.value,
            given[0].value,
            user.password,
            f"pepper{number}",
        ]
        self.secrets += [tokens.digest(each) for each in (runner_token, token, registration)]
        self.secrets.append(trigger.digest)

    def _run(self, pipeline: Pipeline, runner: Runner) -> None:
        job = Job.objects.in_pipeline(pipeline.pk).get(name="compile")
        Job.objects.in_pipeline(pipeline.pk).update(runner=runner, user=pipeline.user)
        traces.append_trace(job, 0, b"\x1b[32;1mmake: <b>compiling</b>\x1b[0;m\n")
        jobs.fail_job(job.pk, FailureReason.SCRIPT_FAILURE, exit_code=1)
        jobs.retry_job(job.pk, acting_user=pipeline.user)


def new_world(size: int) -> World:
    """A world of this size."""
    world = World([], project_with(CONFIG))
    world.grow(size)
    return world


def pipeline_of_jobs(number: int) -> Pipeline:
    """A pipeline of so many jobs, each with a runner and a user of its own."""
    config = {
        f"job{index}": {"stage": "test" if index % 2 else "build", "script": "x"} for index in range(number)
    }
    pipeline = pipelines.create_pipeline(
        project_with(config), "main", PipelineSource.PUSH, acting_user=UserFactory()
    )
    for job in Job.objects.in_pipeline(pipeline.pk):
        runner, _ = runners.create_runner(acting_user=None)
        Job.objects.by_ids([job.pk]).update(runner=runner, user=UserFactory(), queued_at=clock.now())
    return pipeline
