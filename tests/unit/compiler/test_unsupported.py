"""Owns the test that what is not supported yet is always said, with the keyword, the place and what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ci_core.compiler import CompileResult

Run = Callable[..., CompileResult]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("spec: {include: [{local: a.yml}]}\n---\na: {script: x}", "spec:include"),
        ("a: {trigger: other/project}", "jobs:a:trigger"),
        ("a: {run: []}", "jobs:a:run"),
        ("a: {script: x, release: {tag_name: v}}", "jobs:a:release"),
        ("a: {script: x, secrets: {}}", "jobs:a:secrets"),
        ("a: {script: x, id_tokens: {}}", "jobs:a:id_tokens"),
        ("default: {id_tokens: {}}\na: {script: x}", "default:id_tokens"),
        ("a: {script: x, identity: google_cloud}", "jobs:a:identity"),
        ("a: {script: x, pages: true}", "jobs:a:pages"),
        ("a: {script: x, publish: public}", "jobs:a:publish"),
        ("a: {script: x, inputs: {}}", "jobs:a:inputs"),
        ("a: {script: x, environment: {name: b, kubernetes: {}}}", "jobs:a:environment:kubernetes"),
        ("a: {script: x, cache: {key: {files_commits: [a]}}}", "jobs:a:cache:key:files_commits"),
    ],
)
def test_unsupported(run: Run, text: str, path: str) -> None:
    result = run(text)
    found = [error for error in result.errors if error.code == "unsupported"]
    assert result.pipeline is None
    assert path in [error.path for error in found]
    for error in found:
        assert "is not supported here yet. " in error.message
        assert path.rpartition(":")[2] in " ".join(item.message for item in found)


def test_what_changes_nothing_is_only_warned_of(run: Run) -> None:
    result = run("a: {script: x, dast_configuration: {}}")
    assert result.pipeline is not None
    assert [(item.code, item.path) for item in result.warnings] == [
        ("unsupported", "jobs:a:dast_configuration")
    ]
