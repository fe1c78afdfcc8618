"""Owns the comparison of fixtures/ci_yaml with what the compiler makes of them.

`UPDATE_GOLDENS=1` writes the expectations anew.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from ci_core.compiler import CompileContext, CompileResult, compile_config
from ci_core.management.working_tree import WorkingTree
from tests.unit.compiler.conftest import MemoryChanges

CASES = Path(__file__).parents[3] / "fixtures" / "ci_yaml"
VARIABLES = {
    "CI": "true",
    "CI_COMMIT_BRANCH": "main",
    "CI_COMMIT_REF_NAME": "main",
    "CI_COMMIT_REF_SLUG": "main",
    "CI_DEFAULT_BRANCH": "main",
    "CI_PIPELINE_SOURCE": "push",
    "CI_SERVER_HOST": "localhost",
}


def as_json(result: CompileResult) -> dict[str, Any]:
    found: dict[str, Any] = {
        "errors": [str(item) for item in result.errors],
        "warnings": [str(item) for item in result.warnings],
        "left_out": {
            job.name: job.decision.reason for job in result.explanation.jobs if not job.decision.included
        },
        "pipeline": None,
    }
    if result.pipeline is not None:
        plan = asdict(result.pipeline)
        plan["jobs"] = []
        for job in result.pipeline.jobs:
            entry = asdict(job)
            entry["position"] = f"{job.position.file}:{job.position.line}"
            entry["definition"] = {key: value for key, value in entry.pop("_definition").items() if value}
            plan["jobs"].append({key: value for key, value in entry.items() if value or key == "needs"})
        found["pipeline"] = plan
    return found


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir() if path.is_dir()))
def test_golden(case: str) -> None:
    folder = CASES / case
    context = CompileContext(
        "main",
        variables=VARIABLES,
        fetcher=WorkingTree(folder, {}),
        changes=MemoryChanges(["app/models/user.rb"]),
    )
    result = compile_config((folder / "input.yml").read_bytes(), context)
    found = json.loads(json.dumps(as_json(result)))
    expected = folder / "expected.json"
    if os.environ.get("UPDATE_GOLDENS"):
        expected.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    assert found == json.loads(expected.read_text())
