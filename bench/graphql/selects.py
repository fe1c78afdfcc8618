"""Owns the answers by plain SELECTs and plain Python: what a careful person writes for each question by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from psycopg import Connection

Json = dict[str, Any]


def graph(connection: Connection[Any], parameters: Mapping[str, int]) -> bytes:
    """Four SELECTs: pipeline, stages, jobs, needs."""
    read = _reader(connection, parameters)
    needs: dict[int, list[Json]] = defaultdict(list)
    for id_, job_id, name in read(
        "SELECT id, job_id, name FROM ci_core_need WHERE pipeline_id = %(pipeline)s ORDER BY id"
    ):
        needs[job_id].append({"id": f"gid://gitlab/Ci::BuildNeed/{id_}", "name": name})
    jobs: dict[int, list[Json]] = defaultdict(list)
    for id_, stage_id, name, status, allow_failure, created, queued, started, finished in read(
        "SELECT id, stage_id, name, status, allow_failure, created_at, queued_at, started_at, finished_at"
        " FROM ci_core_job WHERE pipeline_id = %(pipeline)s AND NOT retried ORDER BY number"
    ):
        jobs[stage_id].append(
            {
                "id": f"gid://gitlab/Ci::Build/{id_}",
                "name": name,
                "status": status.upper(),
                "allowFailure": allow_failure,
                "createdAt": _time(created),
                "queuedAt": _time(queued),
                "startedAt": _time(started),
                "finishedAt": _time(finished),
                "needs": {"nodes": needs[id_]},
            }
        )
    stages = [
        {
            "id": f"gid://gitlab/Ci::Stage/{id_}",
            "name": name,
            "status": status,
            "jobs": {"nodes": jobs[id_]},
        }
        for id_, name, status in read(
            "SELECT id, name, status FROM ci_core_stage WHERE pipeline_id = %(pipeline)s ORDER BY id"
        )
    ]
    id_, iid, status, created = read(
        "SELECT id, iid, status, created_at FROM ci_core_pipeline WHERE id = %(pipeline)s"
    )[0]
    pipeline = {**_pipeline(id_, iid, status), "createdAt": _time(created), "stages": {"nodes": stages}}
    return orjson.dumps({"project": {"pipeline": pipeline}})


def pipelines(connection: Connection[Any], parameters: Mapping[str, int]) -> bytes:
    """Two SELECTs: pipelines, and the stages of all."""
    read = _reader(connection, parameters)
    rows = read(
        "SELECT id, iid, status, ref, sha, created_at FROM ci_core_pipeline WHERE project_id = %(project)s"
        " ORDER BY id DESC LIMIT 100"
    )
    stages: dict[int, list[Json]] = defaultdict(list)
    for id_, pipeline_id, name, status in _of(
        connection,
        "SELECT id, pipeline_id, name, status FROM ci_core_stage WHERE pipeline_id = ANY(%s) ORDER BY id",
        [row[0] for row in rows],
    ):
        stages[pipeline_id].append({"id": f"gid://gitlab/Ci::Stage/{id_}", "name": name, "status": status})
    nodes = [
        {
            **_pipeline(id_, iid, status),
            "ref": ref,
            "sha": sha,
            "createdAt": _time(created),
            "stages": {"nodes": stages[id_]},
        }
        for id_, iid, status, ref, sha, created in rows
    ]
    return orjson.dumps({"project": {"pipelines": {"nodes": nodes}}})


def jobs(connection: Connection[Any], parameters: Mapping[str, int]) -> bytes:
    """Four SELECTs: jobs, and the runners, artifacts and pipelines of all."""
    rows = _reader(connection, parameters)(
        "SELECT id, name, status, created_at, runner_id, pipeline_id FROM ci_core_job"
        " WHERE project_id = %(project)s ORDER BY id DESC LIMIT 100"
    )
    runners = {
        id_: {"id": f"gid://gitlab/Ci::Runner/{id_}", "description": description}
        for id_, description in _of(
            connection,
            "SELECT id, description FROM ci_core_runner WHERE id = ANY(%s)",
            list({row[4] for row in rows}),
        )
    }
    pipeline_ids = list({row[5] for row in rows})
    artifacts: dict[int, list[Json]] = defaultdict(list)
    for id_, job_id, name, size in _of(
        connection,
        "SELECT id, job_id, filename, size FROM ci_core_artifact WHERE pipeline_id = ANY(%s) ORDER BY id",
        pipeline_ids,
    ):
        artifacts[job_id].append(
            {"id": f"gid://gitlab/Ci::JobArtifact/{id_}", "name": name, "size": str(size)}
        )
    found = {
        row[0]: _pipeline(*row)
        for row in _of(
            connection, "SELECT id, iid, status FROM ci_core_pipeline WHERE id = ANY(%s)", pipeline_ids
        )
    }
    nodes = [
        {
            "id": f"gid://gitlab/Ci::Build/{id_}",
            "name": name,
            "status": status.upper(),
            "createdAt": _time(created),
            "runner": runners[runner_id],
            "artifacts": {"nodes": artifacts[id_]},
            "pipeline": found[pipeline_id],
        }
        for id_, name, status, created, runner_id, pipeline_id in rows
    ]
    return orjson.dumps({"project": {"jobs": {"nodes": nodes}}})


def environments(connection: Connection[Any], parameters: Mapping[str, int]) -> bytes:
    """Two SELECTs: environments, and the last deployment of each."""
    rows = _reader(connection, parameters)(
        "SELECT id, name, state, tier, created_at FROM ci_core_environment WHERE project_id = %(project)s"
        " ORDER BY name LIMIT 100"
    )
    last = {
        environment_id: {
            "id": f"gid://gitlab/Deployment/{id_}",
            "iid": str(iid),
            "status": status.upper(),
            "createdAt": _time(created),
        }
        for environment_id, id_, iid, status, created in _of(
            connection,
            "SELECT e.id, d.id, d.iid, d.status, d.created_at FROM unnest(%s) e(id), LATERAL (SELECT * FROM"
            " ci_core_deployment d WHERE d.environment_id = e.id AND d.status = 'success'"
            " ORDER BY d.id DESC LIMIT 1) d",
            [row[0] for row in rows],
        )
    }
    nodes = [
        {
            "id": f"gid://gitlab/Environment/{id_}",
            "name": name,
            "state": state,
            "tier": tier.upper(),
            "createdAt": _time(created),
            "lastDeployment": last.get(id_),
        }
        for id_, name, state, tier, created in rows
    ]
    return orjson.dumps({"project": {"environments": {"nodes": nodes}}})


#: By the kind of workload.
ANSWERS: Final[Mapping[str, Callable[[Connection[Any], Mapping[str, int]], bytes]]] = {
    "graph": graph,
    "pipelines": pipelines,
    "jobs": jobs,
    "environments": environments,
}


def _reader(
    connection: Connection[Any], parameters: Mapping[str, int]
) -> Callable[[str], list[tuple[Any, ...]]]:
    return lambda statement: connection.execute(statement, parameters).fetchall()


def _of(connection: Connection[Any], statement: str, ids: list[int]) -> list[tuple[Any, ...]]:
    return connection.execute(statement, [ids]).fetchall()


def _pipeline(id_: int, iid: int, status: str) -> Json:
    return {"id": f"gid://gitlab/Ci::Pipeline/{id_}", "iid": str(iid), "status": status.upper()}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
