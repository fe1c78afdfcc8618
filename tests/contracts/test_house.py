"""House rules that a machine can check: sizes, first lines, error classes, migrations, files that agree."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.core.management import call_command

from ci_core import errors
from ci_core.errors import CiError
from ci_core.queueing.sql import queries
from config.env import ROOT

PACKAGES = ("ci_core", "graphql_api", "runner_api", "local_runner", "config", "bench", "tests")
FUNCTION_LIMIT = 80
FILE_LIMIT = 400


def modules() -> list[Path]:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return [path for path in files if not {"node_modules", "migrations"} & set(path.parts)]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes_and_first_lines(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    if text.strip():
        assert ast.get_docstring(tree), "the first line says what the module owns"
    if "tests" not in path.parts:
        assert text.count("\n") <= FILE_LIMIT, f"more than {FILE_LIMIT} lines: does it own one thing?"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            assert size <= FUNCTION_LIMIT, f"{node.name} has {size} lines"


def all_errors(root: type[CiError] = CiError) -> list[type[CiError]]:
    return [root, *(error for child in root.__subclasses__() for error in all_errors(child))]


def test_every_error_has_a_code_of_its_own_and_a_message() -> None:
    classes = all_errors()
    codes = [error.code for error in classes]
    assert len(codes) == len(set(codes))
    assert all(error.__doc__ and error().message == error.__doc__.strip() for error in classes)
    assert len(classes) > 10
    assert errors.NotFound("x", job=1).fields == {"job": 1}


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_named_queries_say_what_they_are_for() -> None:
    text = (ROOT / "ci_core" / "queueing" / "queries.sql").read_text(encoding="utf-8")
    assert set(queries()) == set(re.findall(r"^-- (\w+): ", text, re.MULTILINE))
    assert all("SKIP LOCKED" in query for query in queries().values())


def test_no_registry_host_is_named() -> None:
    hosts = re.compile(r"pypi\.org|pythonhosted|npmjs|registry\.|unpkg|jsdelivr|cdn\.")
    names = ["requirements.lock", "requirements-dev.lock", "pyproject.toml", "Makefile", ".ci/run"]
    names += ["graphql_api/explorer/package-lock.json", "graphql_api/explorer/package.json"]
    for name in names:
        assert not hosts.search((ROOT / name).read_text(encoding="utf-8")), name
