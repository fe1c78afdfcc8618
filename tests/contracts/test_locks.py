"""Advisory locks share no key: who holds one for long would keep the others waiting."""

from __future__ import annotations

import ast

from config.env import ROOT


def test_no_two_advisory_locks_have_one_key() -> None:
    keys = [
        node.value
        for path in sorted((ROOT / "ci_core").rglob("*.py"))
        if "migrations" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, int)
        and 7_300_000 < node.value < 7_400_000
    ]
    assert len(keys) >= 4
    assert len(set(keys)) == len(keys)
