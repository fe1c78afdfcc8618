"""Owns the data that the API and its peers answer from: pipelines of several sizes, and full lists to page through."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.graphql.copies import copy_pipeline

if TYPE_CHECKING:
    from ci_core.models import Pipeline, Project, User

STAGES: Final = 10
NEEDS: Final = 3
#: Pipelines of the project with full lists; each has three jobs, an artifact of each, and a deployment.
PIPELINES: Final = 1000
PAGES_PATH: Final = "bench/pages"
LISTED: Final = """
stages: [build, test, deploy]
compile: {stage: build, script: make}
check: {stage: test, script: make check}
release: {stage: deploy, script: make release, environment: production}
"""
ENVIRONMENTS: Final = 200
#: Pipelines that are asked for at the same time.
LOADS: Final = 64
RUNNERS: Final = 20

#: What happened to every job since it was created.
_FINISH: Final = (
    "UPDATE ci_core_job SET status = 'success', queued_at = created_at, started_at = created_at + interval '2 s',"
    " finished_at = created_at + interval '62.5 s'",
    "UPDATE ci_core_stage SET status = 'success'",
    "UPDATE ci_core_pipeline SET status = 'success', started_at = created_at, finished_at = created_at"
    " + interval '10 min', duration = 600",
    "DELETE FROM ci_core_pendingjob",
    "UPDATE ci_core_deployment SET status = 'success', finished_at = created_at",
)
#: Indexes for the foreign keys that the peers follow; ours are found by pipeline, and need none.
_PEERS_INDEXES: Final = (
    "CREATE INDEX ON ci_core_job (stage_id)",
    "CREATE INDEX ON ci_core_need (job_id)",
    "CREATE INDEX ON ci_core_artifact (job_id)",
)
_ON_RUNNERS: Final = """
UPDATE ci_core_job SET runner_id = (SELECT min(id) FROM ci_core_runner) + id %% %s WHERE project_id = %s
"""
_ARTIFACTS: Final = """
INSERT INTO ci_core_artifact (id, pipeline_id, job_id, project_id, file_type, file_format, filename, size, sha256, blob,
    created_at)
SELECT id << 10 | 1, pipeline_id, id, project_id, 'archive', 'zip', 'artifacts.zip', 1000 + id %% 999, '', '',
    created_at
FROM ci_core_job WHERE project_id = %s
"""
_DEPLOYMENTS: Final = """
INSERT INTO ci_core_deployment (project_id, environment_id, iid, pipeline_id, job_id, ref, tag, sha, status, on_stop,
    created_at, finished_at)
SELECT job.project_id, environment.first + job.pipeline_id %% %s, row_number() OVER (ORDER BY job.id) + 1000,
    job.pipeline_id, job.id, 'main', false, pipeline.sha, 'success', '', job.created_at, job.finished_at
FROM ci_core_job job JOIN ci_core_pipeline pipeline ON pipeline.id = job.pipeline_id,
    (SELECT min(id) AS first FROM ci_core_environment WHERE name LIKE 'review/%%' AND project_id = %s) environment
WHERE job.project_id = %s AND job.name = 'release' AND NOT EXISTS (
    SELECT FROM ci_core_deployment deployment WHERE deployment.job_id = job.id)
"""


@dataclass(frozen=True, slots=True)
class Graph:
    """A pipeline to draw."""

    project_path: str
    pipeline_id: int
    iid: int


@dataclass(frozen=True, slots=True)
class Data:
    """What was made. graphs: by number of jobs. loads: of one size. token: of a user who may read it all."""

    graphs: dict[int, Graph]
    loads: list[Graph]
    pages_project_id: int
    token: str


def seed(sizes: Iterable[int], load_size: int) -> Data:
    """Fills an empty database. load_size: jobs of each of the pipelines of the load."""
    from django.db import connection

    user, token = _user()
    graphs = {}
    for size in sizes:
        pipeline = _pipeline(f"bench/graph-{size}", graph_configuration(size), user)
        graphs[size] = Graph(f"bench/graph-{size}", pipeline.pk, pipeline.iid)
    first = _pipeline("bench/load", graph_configuration(load_size), user)
    copy_pipeline(first, LOADS - 1)
    loads = [Graph("bench/load", first.pk + number, first.iid + number) for number in range(LOADS)]
    listed = _pipeline(PAGES_PATH, LISTED, user)
    copy_pipeline(listed, PIPELINES - 1)
    _runners_and_environments(listed.project_id)
    with connection.cursor() as cursor:
        for statement in (*_FINISH, *_PEERS_INDEXES):
            cursor.execute(statement)
        cursor.execute(_ON_RUNNERS, [RUNNERS, listed.project_id])
        cursor.execute(_ARTIFACTS, [listed.project_id])
        cursor.execute(_DEPLOYMENTS, [ENVIRONMENTS, listed.project_id, listed.project_id])
        # With the statistics and the visibility map of tables that have been there for a while.
        cursor.execute("VACUUM ANALYZE")
    return Data(graphs, loads, listed.project_id, token)


def _runners_and_environments(project_id: int) -> None:
    from ci_core import clock
    from ci_core.models import Environment, Runner

    now = clock.now()
    Runner.objects.bulk_create(
        Runner(description=f"runner {number}", digest=f"digest {number}", created_at=now)
        for number in range(RUNNERS)
    )
    Environment.objects.bulk_create(
        Environment(
            project_id=project_id,
            name=f"review/{number}",
            slug=f"review-{number}",
            created_at=now,
            updated_at=now,
        )
        for number in range(ENVIRONMENTS)
    )


def graph_configuration(size: int) -> str:
    """A configuration of so many jobs in ten stages, each of which needs three of the stage before."""
    width = -(-size // STAGES)
    lines = [f"stages: [{', '.join(f'stage{number}' for number in range(STAGES))}]"]
    for number in range(size):
        stage, place = divmod(number, width)
        needs = ""
        if stage:
            steps = range(min(NEEDS, width))
            names = [f"job{(stage - 1) * width + (place + step) % width}" for step in steps]
            needs = f", needs: [{', '.join(names)}]"
        lines.append(f"job{number}: {{stage: stage{stage}, script: make{needs}}}")
    return "\n".join(lines) + "\n"


def _user() -> tuple[User, str]:
    from ci_core import clock, tokens
    from ci_core.models import PersonalAccessToken, User

    user = User.objects.create_user("bench", email="bench@example.com", password="bench")
    token = tokens.new_token(tokens.PERSONAL_PREFIX)
    PersonalAccessToken.objects.create(
        user=user, name="bench", digest=tokens.digest(token), scopes=["api"], created_at=clock.now()
    )
    return user, token


def _pipeline(path: str, configuration: str, user: User) -> Pipeline:
    """The first pipeline of a new project with this configuration."""
    from ci_core.actions.pipelines import create_pipeline
    from ci_core.statuses import PipelineSource

    return create_pipeline(_project(path, configuration, user), "main", PipelineSource.API, acting_user=user)


def _project(path: str, configuration: str, user: User) -> Project:
    from ci_core import clock
    from ci_core.models import Project, ProjectMembership
    from ci_core.repositories.samples import import_folder
    from ci_core.statuses import AccessLevel

    now = clock.now()
    repository = Path(tempfile.mkdtemp(prefix="repository-")) / "repository.git"
    with tempfile.TemporaryDirectory(prefix="source-") as source:
        (Path(source) / ".gitlab-ci.yml").write_text(configuration, encoding="utf-8")
        import_folder(
            Path(source),
            repository,
            branch="main",
            author="Ada",
            email="a@example.com",
            at=now,
            message="Start",
        )
    project = Project.objects.create(
        full_path=path, name=path, repository_path=str(repository), created_at=now, updated_at=now
    )
    ProjectMembership.objects.create(project=project, user=user, access_level=AccessLevel.MAINTAINER)
    return project
