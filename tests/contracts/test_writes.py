"""Only actions write: no other module of the product saves, creates, updates or deletes rows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.env import ROOT

WRITES = {
    "save",
    "create",
    "update",
    "delete",
    "bulk_create",
    "bulk_update",
    "get_or_create",
    "update_or_create",
}
PACKAGES = ("ci_core", "graphql_api", "runner_api", "config")
MAY_WRITE = (
    "ci_core/actions/",
    "ci_core/processing/",
    "ci_core/queueing/",
    "ci_core/transition.py",
    "ci_core/migrations/",
)
#: file -> why it may write one thing all the same.
EXEMPT = {
    "ci_core/access.py": "notes that a token was used, once a minute, whichever door it opened",
}


def modules() -> list[Path]:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return [path for path in files if "node_modules" not in path.parts]


def writes(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with calls like `Model.objects.filter(...).update(...)` or `row.save(...)`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        receiver = ast.unparse(node.func.value)
        manager = ".objects" in receiver or node.func.attr in {"save", "bulk_create", "update_or_create"}
        if node.func.attr in WRITES and manager and not receiver.startswith("super()"):
            yield node.lineno, ast.unparse(node.func)[:80]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_actions_write(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    found = [] if name.startswith(MAY_WRITE) else list(writes(path))
    if name in EXEMPT:
        assert len(found) == 1, f"{name} is exempt for one write ({EXEMPT[name]}), but has {found}"
    else:
        assert not found, f"{name} writes; call an action instead: {found}"


def test_the_check_sees_writes(tmp_path: Path) -> None:
    source = tmp_path / "bad.py"
    source.write_text("Job.objects.filter(pk=1).update(status='x')\nrow.save()\n{}.update(a=1)\n")
    assert [line for line, _ in writes(source)] == [1, 2]
