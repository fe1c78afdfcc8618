"""Compiling configurations and creating pipelines from them: `python -m bench.compiler`.

Compiling is measured against loading the same YAML with PyYAML's C loader, creating a pipeline against COPYing the
rows that it writes.
"""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import yaml
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.database import database

if TYPE_CHECKING:
    from ci_core.models import Pipeline, Project

SIZES = (10, 100, 1000, 5000)
ROUNDS = 7
JOBS = 1000
CREATIONS = 15
HEAD = """
stages: [build, test, deploy]
variables: {LEVEL: "1"}
default: {image: "alpine:3", retry: 1}
.base:
  script: [make]
  tags: [linux]
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
    - if: $CI_COMMIT_TAG
      when: manual
.test: {extends: .base, variables: {KIND: unit}, artifacts: {paths: [out/], reports: {junit: report.xml}}}
"""
PHASES = {
    "load": ("ci_core.compiler.compile", "load_text"),
    "merge": ("ci_core.compiler.merge.Extender", "run"),
    "keywords": ("ci_core.compiler.compile", "read_jobs"),
    "rules": ("ci_core.compiler.compile._Compilation", "_decide_jobs"),
    "graph": ("ci_core.compiler.compile", "check_graph"),
    "plan": ("ci_core.compiler.compile._Compilation", "_plan"),
}


def configuration(jobs: int) -> str:
    """A configuration that comes to `jobs` jobs: of each ten, six copies of a matrix, two pairs with needs."""
    parts = [HEAD]
    for number in range(jobs // 10):
        parts.append(
            f"m{number}:\n  extends: .test\n  stage: test\n  script: [make {number}]\n"
            "  parallel: {matrix: [{OS: [linux, mac, bsd], ARCH: [amd64, arm64]}]}\n"
        )
        for pair in (2 * number, 2 * number + 1):
            parts.append(
                f"b{pair}:\n  extends: .base\n  stage: build\n  script:\n    - make {pair}\n    - echo done\n"
                f"t{pair}:\n  extends: [.base, .test]\n  stage: test\n  needs: [b{pair}]\n"
                f"  script:\n    - make test {pair}\n  environment: {{name: review/$CI_COMMIT_BRANCH}}\n"
            )
    return "".join(parts)


def main() -> None:
    """Prints both tables."""
    console = Console(width=None if Console().is_terminal else 130)
    console.print(_compiling())
    with database():
        console.print(_creating())


def _best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The least processor time of several runs, in milliseconds; no run pays for the collector of another."""
    times = []
    for _ in range(rounds):
        gc.collect()
        gc.disable()
        started = time.process_time()
        work()
        times.append((time.process_time() - started) * 1000)
        gc.enable()
    return min(times)


def _compiling() -> Table:
    from ci_core.compiler import CompileContext, compile_config

    table = Table(title="compiling (processor time, least of several runs; shares of one run)")
    for heading in ("jobs", "KiB", "load ms", "ms", "ratio", *(f"{name} %" for name in PHASES)):
        table.add_column(heading, justify="right", no_wrap=True)
    variables = {"CI": "true", "CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}
    context = CompileContext("main", variables=variables)
    for size in track(SIZES, description="compiling", console=Console(stderr=True)):
        text = configuration(size)
        result = compile_config(text, context)
        assert result.pipeline is not None
        assert len(result.pipeline.jobs) == size
        load = _best(lambda text=text: yaml.load(text, Loader=yaml.CSafeLoader))  # type: ignore[misc]
        whole = _best(lambda text=text: compile_config(text, context))  # type: ignore[misc]
        with _timed() as spent:
            started = time.perf_counter()
            compile_config(text, context)
            total = time.perf_counter() - started
        shares = [f"{spent[name] / total:.0%}" for name in PHASES]
        table.add_row(
            str(size),
            f"{len(text) / 1024:.0f}",
            f"{load:.2f}",
            f"{whole:.2f}",
            f"{whole / load:.2f}",
            *shares,
        )
    return table


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    """Adds up the time spent in each phase."""
    import importlib

    spent = dict.fromkeys(PHASES, 0.0)

    def wrap(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **options: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                spent[name] += time.perf_counter() - started

        return timed

    with ExitStack() as stack:
        for name, (place, attribute) in PHASES.items():
            module, _, owner = place.rpartition(".") if place.split(".")[-1][0] in "_E" else (place, "", "")
            target: Any = importlib.import_module(module)
            target = getattr(target, owner) if owner else target
            stack.enter_context(patch.object(target, attribute, wrap(name, getattr(target, attribute))))
        yield spent


def _creating() -> Table:
    """Creations and copies take turns, so that a busy moment of the machine falls on both."""
    project = _project(configuration(JOBS))
    pipeline = _create(project)
    tables = _tables(pipeline)
    created: list[float] = []
    copied: list[float] = []
    rows = 0
    for number in track(range(1, CREATIONS + 1), description="creating", console=Console(stderr=True)):
        started = time.perf_counter()
        _create(project)
        created.append((time.perf_counter() - started) * 1000)
        spent, rows = _copy(pipeline, tables, number)
        copied.append(spent)
    table = Table(title=f"create_pipeline, {JOBS} jobs with needs, end to end, and COPY by turns")
    for heading in ("rows", "", "COPY of the same rows ms", "create_pipeline ms", "ratio"):
        table.add_column(heading, justify="right")
    for name, choose in (("median", statistics.median), ("shortest", min)):
        whole, floor = choose(created), choose(copied)
        table.add_row(str(rows), name, f"{floor:.1f}", f"{whole:.1f}", f"{whole / floor:.2f}")
    pairs = statistics.median(whole / floor for whole, floor in zip(created, copied, strict=True))
    table.add_row(str(rows), "median of the pairs", "", "", f"{pairs:.2f}")
    return table


def _create(project: Project) -> Pipeline:
    from ci_core.actions.pipelines import create_pipeline
    from ci_core.statuses import PipelineSource

    pipeline = create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    assert pipeline.status == "pending", pipeline.config_errors
    return pipeline


def _project(text: str) -> Project:
    from ci_core import clock
    from ci_core.models import Project
    from ci_core.repositories.samples import import_folder

    source = Path(tempfile.mkdtemp(prefix="source-"))
    (source / ".gitlab-ci.yml").write_text(text, encoding="utf-8")
    target = Path(tempfile.mkdtemp(prefix="repository-")) / "repository.git"
    now = clock.now()
    import_folder(source, target, branch="main", author="Ada", email="a@example.com", at=now, message="Start")
    return Project.objects.create(
        full_path=f"bench/{target.parent.name}",
        name="bench",
        repository_path=str(target),
        created_at=now,
        updated_at=now,
    )


# By how much the ids of the pipelines that get the copies lie above the original's.
_FIRST_COPY = 10_000

# Columns of ids that carry the pipeline's, and by how many bits they are shifted.
_SHIFTS = {"pipeline_id": 0, "job_id": 16, "stage_id": 16, "definition_id": 16}


def _copy(pipeline: Pipeline, tables: dict[str, list[str]], number: int) -> tuple[float, int]:
    """Milliseconds to COPY all rows of a pipeline again as those of another, in one transaction; and how many."""
    from django.db import connection, transaction

    from ci_core.models import Pipeline

    other = Pipeline.objects.get(pk=pipeline.pk)
    other.pk, other.iid = pipeline.pk + _FIRST_COPY + number, _FIRST_COPY + number
    other.save(force_insert=True)
    contents = {table: _content(pipeline, table, columns, number) for table, columns in tables.items()}
    started = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        for table, text in contents.items():
            names = ", ".join(f'"{name}"' for name in tables[table])
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                copy.write(text)
    return (time.perf_counter() - started) * 1000, sum(text.count(b"\n") for text in contents.values())


def _tables(pipeline: Pipeline) -> dict[str, list[str]]:
    """The tables that hold rows of the pipeline, with their columns."""
    from django.db import connection

    found: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, array_agg(attname ORDER BY attnum) FROM pg_class JOIN pg_attribute ON attrelid = oid "
            "WHERE relkind IN ('r', 'p') AND NOT relispartition AND relname LIKE 'ci_core_%' AND attnum > 0 "
            "AND NOT attisdropped GROUP BY relname HAVING 'pipeline_id' = ANY(array_agg(attname))"
        )
        for table, columns in cursor.fetchall():
            cursor.execute(f"SELECT count(*) FROM {table} WHERE pipeline_id = %s", [pipeline.pk])
            if cursor.fetchone()[0]:
                kept = [name for name in columns if (table, name) != ("ci_core_event", "id")]
                found[table] = kept
    return found


def _content(pipeline: Pipeline, table: str, columns: list[str], number: int) -> bytes:
    """The rows of a table as COPY reads them, moved to another pipeline."""
    from django.db import connection

    by = _FIRST_COPY + number
    terms = []
    for name in columns:
        shift = _SHIFTS.get(name)
        if name == "id":
            shift = 26 if table == "ci_core_need" else (None if table == "ci_core_deployment" else 16)
        if (table, name) == ("ci_core_deployment", "id"):
            terms.append(f"-id - {number} * 1000000")
        elif (table, name) == ("ci_core_deployment", "iid"):
            terms.append(f"iid + {number} * 1000000")
        else:
            terms.append(f'"{name}"' if shift is None else f'"{name}" + ({by}::bigint << {shift})')
    query = f"COPY (SELECT {', '.join(terms)} FROM {table} WHERE pipeline_id = {pipeline.pk}) TO STDOUT"
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        return b"".join(bytes(block) for block in copy)


if __name__ == "__main__":
    main()
