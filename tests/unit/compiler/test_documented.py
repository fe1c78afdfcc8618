"""Owns the check that docs/ci-yaml.md names every keyword and every bound, with its value."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from ci_core.compiler import Limits
from ci_core.compiler.entries import GLOBALS
from ci_core.compiler.keywords.jobs import JOB_KEYWORDS, UNSUPPORTED

PAGE = (Path(__file__).parents[3] / "docs" / "ci-yaml.md").read_text(encoding="utf-8")


def test_every_keyword_is_listed() -> None:
    known = {*GLOBALS, *JOB_KEYWORDS, *UNSUPPORTED, "extends"} - {"stage", "spec"}
    assert sorted(word for word in known if f"`{word}" not in PAGE) == []


def test_every_bound_is_listed() -> None:
    missing = [item.name for item in fields(Limits) if f"`{item.name}`" not in PAGE]
    assert missing == ["expression_depth", "expression_operators"]
    assert "`expression_length`, `_depth`, `_operators` | 10,000, 100, 200" in PAGE
