"""Owns the questions: what the API is asked, and the one SQL statement that answers the same, which is the floor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench.graphql.data import PAGES_PATH, Data, Graph

#: Rows of a page.
PAGE: Final = 100

GRAPH_DOCUMENT: Final = """
query graph($path: ID!, $iid: ID!) {
  project(fullPath: $path) {
    pipeline(iid: $iid) {
      id iid status createdAt
      stages { nodes { id name status
        jobs { nodes { id name status allowFailure createdAt queuedAt startedAt finishedAt
          needs { nodes { id name } } } } } }
    }
  }
}
"""
GRAPH_FLOOR: Final = """
SELECT json_build_object('project', json_build_object('pipeline', json_build_object(
  'id', 'gid://gitlab/Ci::Pipeline/' || p.id, 'iid', p.iid::text, 'status', upper(p.status), 'createdAt', p.created_at,
  'stages', json_build_object('nodes', (
    SELECT json_agg(json_build_object('id', 'gid://gitlab/Ci::Stage/' || s.id, 'name', s.name, 'status', s.status,
      'jobs', json_build_object('nodes', j.nodes)) ORDER BY s.id)
    FROM ci_core_stage s JOIN (
      SELECT j.stage_id, json_agg(json_build_object('id', 'gid://gitlab/Ci::Build/' || j.id, 'name', j.name,
        'status', upper(j.status), 'allowFailure', j.allow_failure, 'createdAt', j.created_at, 'queuedAt', j.queued_at,
        'startedAt', j.started_at, 'finishedAt', j.finished_at,
        'needs', json_build_object('nodes', coalesce(n.nodes, '[]'))) ORDER BY j.number) AS nodes
      FROM ci_core_job j LEFT JOIN (
        SELECT n.job_id, json_agg(json_build_object('id', 'gid://gitlab/Ci::BuildNeed/' || n.id, 'name', n.name)
          ORDER BY n.id) AS nodes
        FROM ci_core_need n WHERE n.pipeline_id = %(pipeline)s GROUP BY n.job_id
      ) n ON n.job_id = j.id
      WHERE j.pipeline_id = %(pipeline)s AND NOT j.retried GROUP BY j.stage_id
    ) j ON j.stage_id = s.id
    WHERE s.pipeline_id = %(pipeline)s)))))::text
FROM ci_core_pipeline p WHERE p.id = %(pipeline)s
"""

PIPELINES_DOCUMENT: Final = """
query pipelines($path: ID!) {
  project(fullPath: $path) {
    pipelines(first: 100) { nodes { id iid status ref sha createdAt stages { nodes { id name status } } } }
  }
}
"""
PIPELINES_FLOOR: Final = """
SELECT json_build_object('project', json_build_object('pipelines', json_build_object('nodes', (
  SELECT json_agg(json_build_object('id', 'gid://gitlab/Ci::Pipeline/' || p.id, 'iid', p.iid::text,
    'status', upper(p.status), 'ref', p.ref, 'sha', p.sha, 'createdAt', p.created_at,
    'stages', json_build_object('nodes', s.nodes)) ORDER BY p.id DESC)
  FROM (SELECT * FROM ci_core_pipeline WHERE project_id = %(project)s ORDER BY id DESC LIMIT 100) p,
  LATERAL (SELECT json_agg(json_build_object('id', 'gid://gitlab/Ci::Stage/' || s.id, 'name', s.name,
    'status', s.status) ORDER BY s.id) AS nodes FROM ci_core_stage s WHERE s.pipeline_id = p.id) s))))::text
"""

JOBS_DOCUMENT: Final = """
query jobs($path: ID!) {
  project(fullPath: $path) {
    jobs(first: 100) { nodes { id name status createdAt
      runner { id description } artifacts { nodes { id name size } } pipeline { id iid status } } }
  }
}
"""
JOBS_FLOOR: Final = """
SELECT json_build_object('project', json_build_object('jobs', json_build_object('nodes', (
  SELECT json_agg(json_build_object('id', 'gid://gitlab/Ci::Build/' || j.id, 'name', j.name, 'status', upper(j.status),
    'createdAt', j.created_at,
    'runner', json_build_object('id', 'gid://gitlab/Ci::Runner/' || r.id, 'description', r.description),
    'artifacts', json_build_object('nodes', a.nodes),
    'pipeline', json_build_object('id', 'gid://gitlab/Ci::Pipeline/' || p.id, 'iid', p.iid::text,
      'status', upper(p.status))) ORDER BY j.id DESC)
  FROM (SELECT * FROM ci_core_job WHERE project_id = %(project)s ORDER BY id DESC LIMIT 100) j
  JOIN ci_core_pipeline p ON p.id = j.pipeline_id LEFT JOIN ci_core_runner r ON r.id = j.runner_id,
  LATERAL (SELECT coalesce(json_agg(json_build_object('id', 'gid://gitlab/Ci::JobArtifact/' || a.id,
    'name', a.filename, 'size', a.size::text) ORDER BY a.id), '[]') AS nodes FROM ci_core_artifact a
    WHERE a.pipeline_id = j.pipeline_id AND a.id BETWEEN j.id << 10 AND (j.id + 1 << 10) - 1) a))))::text
"""

ENVIRONMENTS_DOCUMENT: Final = """
query environments($path: ID!) {
  project(fullPath: $path) {
    environments(first: 100) { nodes { id name state tier createdAt
      lastDeployment(status: SUCCESS) { id iid status createdAt } } }
  }
}
"""
ENVIRONMENTS_FLOOR: Final = """
SELECT json_build_object('project', json_build_object('environments', json_build_object('nodes', (
  SELECT json_agg(json_build_object('id', 'gid://gitlab/Environment/' || e.id, 'name', e.name, 'state', e.state,
    'tier', upper(e.tier), 'createdAt', e.created_at, 'lastDeployment', json_build_object(
    'id', 'gid://gitlab/Deployment/' || d.id, 'iid', d.iid::text, 'status', upper(d.status),
    'createdAt', d.created_at)) ORDER BY e.name)
  FROM (SELECT * FROM ci_core_environment WHERE project_id = %(project)s ORDER BY name LIMIT 100) e,
  LATERAL (SELECT * FROM ci_core_deployment d WHERE d.environment_id = e.id AND d.status = 'success'
    ORDER BY d.id DESC LIMIT 1) d))))::text
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """A question. kind: under which name the peers know it. parameters: those of the floor, which peers get, too."""

    title: str
    kind: str
    document: str
    variables: Mapping[str, Any]
    floor: str
    parameters: Mapping[str, int]


def graph_of(data: Data, size: int) -> Workload:
    """The pipeline graph of so many jobs."""
    return _graph(data.graphs[size], f"graph of {size:,} jobs")


def graphs_of_load(data: Data, size: int) -> list[Workload]:
    """The graphs of the pipelines of the load, which have so many jobs each."""
    return [_graph(graph, f"graph of {size:,} jobs") for graph in data.loads]


def _graph(graph: Graph, title: str) -> Workload:
    return Workload(
        title,
        "graph",
        GRAPH_DOCUMENT,
        {"path": graph.project_path, "iid": str(graph.iid)},
        GRAPH_FLOOR,
        {"pipeline": graph.pipeline_id},
    )


def pages(data: Data) -> list[Workload]:
    """The first pages of a project's lists."""
    variables = {"path": PAGES_PATH}
    parameters = {"project": data.pages_project_id}
    return [
        Workload(title, kind, document, variables, floor, parameters)
        for title, kind, document, floor in (
            ("100 pipelines with stages", "pipelines", PIPELINES_DOCUMENT, PIPELINES_FLOOR),
            ("100 jobs with runner, artifacts, pipeline", "jobs", JOBS_DOCUMENT, JOBS_FLOOR),
            (
                "100 environments with last deployment",
                "environments",
                ENVIRONMENTS_DOCUMENT,
                ENVIRONMENTS_FLOOR,
            ),
        )
    ]
