"""Owns the tests of ci_compile: what it prints, what it exits with, and what it does not import."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pygit2
import pytest
from django.core.management import call_command

from ci_core.management.compiling import main
from tests.support.repositories import AUTHOR

ROOT = Path(__file__).parents[3]
CONFIG = """
include: [ci/more.yml]
variables: {TARGET: staging}
build: {stage: build, script: make}
docs:
  script: make docs
  rules:
    - if: $TOKEN == "x"
    - changes: [docs/**/*]
    - exists: [Makefile]
      when: manual
night: {script: x, rules: [{if: '$CI_PIPELINE_SOURCE == "schedule" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH'}]}
release: {script: x, only: [tags]}
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A working tree without git."""
    (tmp_path / "ci").mkdir()
    (tmp_path / ".gitlab-ci.yml").write_text(CONFIG)
    (tmp_path / "ci" / "more.yml").write_text("more: {script: x, environment: {name: $TARGET}}\n")
    (tmp_path / "Makefile").write_text("")
    return tmp_path


def compiled(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def names(found: Any) -> dict[str, str]:
    return {job["name"]: job["when"] for job in found["pipeline"]["jobs"]}


@pytest.mark.parametrize(
    ("arguments", "jobs"),
    [
        ([], {"build": "on_success", "more": "on_success", "docs": "on_success"}),
        (["--changed", "src/a.c"], {"build": "on_success", "more": "on_success", "docs": "manual"}),
        (["--changed", "docs/a.md"], {"build": "on_success", "more": "on_success", "docs": "on_success"}),
        (
            ["--source", "schedule"],
            {"build": "on_success", "more": "on_success", "docs": "on_success", "night": "on_success"},
        ),
        (
            ["--source", "schedule", "--ref", "topic"],
            {"build": "on_success", "more": "on_success", "docs": "on_success"},
        ),
        (
            ["--ref", "v1", "--tag", "--changed", "x"],
            {"build": "on_success", "more": "on_success", "docs": "manual", "release": "on_success"},
        ),
        (
            ["--var", "TOKEN=x", "--changed", "x"],
            {"build": "on_success", "more": "on_success", "docs": "on_success"},
        ),
    ],
)
def test_situations(
    tree: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], jobs: dict[str, str]
) -> None:
    code, found = compiled(capsys, str(tree), *arguments)
    assert (code, found["errors"], names(found)) == (0, [], jobs)


def test_variables_and_inputs(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = compiled(capsys, str(tree), "--var", "TARGET=live")
    environments = [job["environment"]["name"] for job in found["pipeline"]["jobs"] if job["environment"]]
    assert (code, environments) == (0, ["live"])
    text = "spec: {inputs: {n: {type: number}}}\n---\na:\n  script: x\n  parallel: $[[ inputs.n ]]\n"
    (tree / "in.yml").write_text(text)
    code, found = compiled(capsys, str(tree / "in.yml"), "--input", "n=2")
    assert (code, list(names(found))) == (0, ["a 1/2", "a 2/2"])


def test_tables_and_reasons(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main([str(tree), "--explain", "--masked", "TOKEN=hunter2", "--changed", "docs/a.md"])
    out = capsys.readouterr().out
    assert code == 0
    assert "environment staging" in out
    assert "night (.gitlab-ci.yml:12): out, no rule matches" in out
    assert "$CI_PIPELINE_SOURCE is 'push'" in out
    assert "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH: not needed" in out
    assert "docs/**/* matches docs/a.md" in out
    assert "include local: ci/more.yml (.gitlab-ci.yml:2): in" in out
    assert "release (.gitlab-ci.yml:13): out, its only does not match" in out
    assert "[MASKED]" in out
    assert "hunter2" not in out
    assert "3 jobs, 2 left out, 0 errors, 0 warnings" in out


def test_errors_show_the_line_and_a_caret(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "ci" / "more.yml").write_text("more:\n  script: x\n  whne: manual\n")
    assert main([str(tree)]) == 1
    out = capsys.readouterr().out
    assert "error: job config contains unknown keys: whne. Did you mean 'when'?" in out
    assert "  --> ci/more.yml:3:3 (jobs:more:whne)" in out
    assert "    3 |   whne: manual\n      |   ^\n" in out


@pytest.mark.parametrize("arguments", [["nowhere"], [".", "--var", "x"], [".", "--project", "=x"]])
def test_wrong_options(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err


def test_git_tells_the_branch_what_is_ignored_and_what_changed(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = pygit2.init_repository(str(tree), initial_head="topic")
    (tree / ".gitignore").write_text("junk/\n")
    (tree / "junk").mkdir()
    (tree / "junk" / "Secret.mk").write_text("")
    repository.index.add_all()
    repository.index.write()
    commit = repository.create_commit("HEAD", AUTHOR, AUTHOR, "Start", repository.index.write_tree(), [])
    repository.branches.local.create("main", repository[commit])
    (tree / "docs").mkdir()
    (tree / "docs" / "new.md").write_text("")
    (tree / ".gitlab-ci.yml").write_text("""
a: {script: x, rules: [{changes: {paths: [docs/*], compare_to: main}}]}
b: {script: x, rules: [{exists: ['**/*.mk']}]}
c: {script: x, rules: [{if: $CI_COMMIT_BRANCH == "topic"}]}
""")
    code, found = compiled(capsys, str(tree))
    assert (code, list(names(found))) == (0, ["a", "c"])


def test_other_projects_and_no_way_out(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tree / "other"
    other.mkdir()
    (other / "a.yml").write_text("theirs: {script: x}")
    (tree / "p.yml").write_text("include: [{project: g/p, file: a.yml}]\na: {script: x}")
    code, found = compiled(capsys, str(tree / "p.yml"), "--project", f"g/p={other}")
    assert (code, list(names(found))) == (0, ["theirs", "a"])
    code, found = compiled(capsys, str(tree / "p.yml"))
    assert (code, "use --project g/p=FOLDER" in found["errors"][0]["message"]) == (1, True)
    (other / "T.gitlab-ci.yml").write_text("t: {script: x}")
    (tree / "t.yml").write_text("include: [{template: T.gitlab-ci.yml}]\na: {script: x}")
    assert compiled(capsys, str(tree / "t.yml"), "--templates", str(other))[0] == 0
    assert compiled(capsys, str(tree / "t.yml"))[0] == 1
    (tree / "p.yml").write_text("include: [../../etc/x.yml, 'https://e.com/a.yml']\na: {script: x}")
    code, found = compiled(capsys, str(tree / "p.yml"))
    assert [error["message"].split(": ")[1] for error in found["errors"]] == [
        "it lies outside the folder.",
        "remote files are read with --allow-url PREFIX only.",
    ]


def test_the_django_command(tree: Path) -> None:
    out = StringIO()
    call_command("ci_compile", str(tree), "--json", stdout=out)
    assert json.loads(out.getvalue())["valid"]
    (tree / ".gitlab-ci.yml").write_text("a: {}")
    with pytest.raises(SystemExit) as stopped:
        call_command("ci_compile", str(tree), stdout=out)
    assert stopped.value.code == 1


def test_in_a_process_of_its_own_without_django(tree: Path) -> None:
    script = (
        "import sys\nfrom ci_core.management.compiling import main\n"
        f"code = main([{str(tree)!r}, '--explain'])\n"
        "assert not [name for name in sys.modules if name.split('.')[0] in ('django', 'psycopg', 'pygit2')]\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 jobs" in done.stdout


def test_limits(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compiled(capsys, str(tree), "--limit", "includes=5")[0] == 0
    code, result = compiled(capsys, str(tree), "--limit", "name_length=4")
    assert code == 1
    assert "4" in result["errors"][0]["message"]


@pytest.mark.parametrize(
    ("given", "words"),
    [("needs=3", "The compiler has no limit 'needs'"), ("jobs=none", "write a whole number above 0")],
)
def test_limits_that_are_none(tree: Path, capsys: pytest.CaptureFixture[str], given: str, words: str) -> None:
    assert main([str(tree), "--limit", given]) == 2
    assert words in capsys.readouterr().err
