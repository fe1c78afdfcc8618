"""Owns the tests of include: where files come from, how they merge, and what bounds them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ci_core.compiler import CompiledPipeline, CompileResult, Limits, merged_yaml
from tests.unit.compiler.conftest import MemoryChanges, MemoryFetcher

Run = Callable[..., CompileResult]
Plan = Callable[..., CompiledPipeline]
Errors = Callable[..., list[str]]
JOB = "a: {script: x}\n"


def files(home: dict[str, str], **more: Any) -> dict[str, Any]:
    """Fields of a context with these files."""
    return {"fetcher": MemoryFetcher(home, **more)}


def names(pipeline: CompiledPipeline) -> list[str]:
    return [job.name for job in pipeline.jobs]


@pytest.mark.parametrize(
    "include",
    [
        "my.yml",
        "/my.yml",
        "[my.yml]",
        "{local: my.yml}",
        "[{local: /my.yml}]",
        "[[my.yml]]",
        "$FILE.yml",
        "{project: group/p, file: my.yml}",
        "{project: group/p, file: [/my.yml]}",
        "{project: $P, ref: v1, file: $FILE.yml}",
        "https://example.com/my.yml",
        "{remote: 'https://example.com/my.yml'}",
        "{template: My.gitlab-ci.yml}",
        "{component: $CI_SERVER_FQDN/group/p/my@v1}",
        "{component: host/group/p/deep@v1}",
    ],
)
def test_every_way_to_include(plan: Plan, include: str) -> None:
    # docs.gitlab.com/ci/yaml/#include
    text = "included: {script: y}\n"
    tree = {"my.yml": text, "templates/my.yml": text, "templates/deep/template.yml": text}
    urls = {"https://example.com/my.yml": text, "template/My.gitlab-ci.yml": text}
    given = files({"my.yml": text}, projects={"group/p@HEAD": tree, "group/p@v1": tree}, urls=urls)
    found = plan(f"include: {include}\n{JOB}", given=given, FILE="my", P="group/p", CI_SERVER_FQDN="host")
    assert names(found) == ["included", "a"]


def test_merging_as_in_the_docs(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/includes/#merge-method-for-include
    common = """
        variables: {POSTGRES_USER: common_username, POSTGRES_PASSWORD: testing_password}
        test:
          rules: [{when: never}]
          script: [echo, rake spec]
          artifacts: {reports: {dotenv: deploy.env}}
    """
    pipeline = plan(
        """
        include: common.yml
        variables: {POSTGRES_USER: username}
        test:
          rules: [{if: $CI_PIPELINE_SOURCE == "push", when: manual}]
          artifacts: {reports: {junit: rspec.xml}}
        """,
        given=files({"common.yml": common}),
    )
    job = pipeline.jobs[0]
    assert job.when == "manual"
    assert job.definition()["script"] == ["echo", "rake spec"]
    assert [entry["artifact_type"] for entry in job.definition()["artifacts"]] == ["dotenv", "junit"]
    assert {item["key"]: item["value"] for item in job.definition()["variables"]} == {
        "POSTGRES_USER": "username",
        "POSTGRES_PASSWORD": "testing_password",
    }


@pytest.mark.parametrize(
    ("order", "winner"),
    [("[unit.yml, smoke.yml]", "Smoke"), ("[smoke.yml, unit.yml]", "Unit")],
)
def test_the_later_file_wins_also_over_what_it_includes(plan: Plan, order: str, winner: str) -> None:
    # docs.gitlab.com/ci/yaml/includes/#use-nested-includes-with-duplicate-include-entries
    home = {"defaults.yml": "default: {before_script: Default}"}
    for name in ("unit", "smoke"):
        home[f"{name}.yml"] = (
            f"include: defaults.yml\ndefault: {{before_script: {name.title()}}}\n{name}: {{script: x}}"
        )
    pipeline = plan(f"include: {order}", given=files(home))
    assert {tuple(job.definition()["before_script"]) for job in pipeline.jobs} == {(winner,)}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("configs/*.yml", ["one", "a"]),
        ("configs/**.yml", ["one", "two", "a"]),
        ("configs/**/*.yml", ["two", "a"]),
        ("/configs/o*.yml", ["one", "a"]),
    ],
)
def test_wildcards(plan: Plan, pattern: str, found: list[str]) -> None:
    # docs.gitlab.com/ci/yaml/includes/#use-includelocal-with-wildcard-file-paths
    home = {
        "configs/one.yml": "one: {script: x}",
        "configs/sub/two.yml": "two: {script: x}",
        "configs/readme.md": "",
    }
    assert names(plan(f"include: '{pattern}'\n{JOB}", given=files(home))) == found


def test_a_nested_local_file_is_looked_for_beside_the_file_that_names_it(plan: Plan) -> None:
    other = {"main.yml": "include: part.yml", "part.yml": "theirs: {script: x}"}
    given = files({"part.yml": "ours: {script: x}"}, projects={"group/p@HEAD": other})
    assert names(plan(f"include: {{project: group/p, file: main.yml}}\n{JOB}", given=given)) == [
        "theirs",
        "a",
    ]


def test_files_from_outside_see_no_variables_and_nothing_private(errors: Errors) -> None:
    # docs.gitlab.com/ci/yaml/#includeremote
    urls = {
        "https://e.com/a.yml": "include: [{project: $P, file: a.yml}, {project: g/p, file: a.yml}, l.yml]"
    }
    given = files({}, projects={"g/p@HEAD": {"a.yml": JOB}}, urls=urls, private=frozenset({"g/p"}))
    found = errors(f"include: https://e.com/a.yml\n{JOB}", given=given, P="g/p")
    assert len(found) == 3
    assert "include:local does not work in a remote file" in " ".join(found)
    assert "project g/p' cannot be had: project not found or access denied." in " ".join(found)
    assert "project ' cannot be had" in " ".join(found)


@pytest.mark.parametrize(
    ("rules", "taken"),
    [
        ("[{if: $CI}]", True),
        ("[{if: $NOPE}]", False),
        ("[{if: $CI, when: never}]", False),
        ("[{if: $CI, when: always}]", True),
        ("[{exists: [Dockerfile]}]", True),
        ("[{exists: ['*.none']}]", False),
        ("[{exists: {paths: [Makefile], project: g/p}}]", True),
        ("[{changes: [Dockerfile]}]", True),
        ("[{changes: [other]}]", False),
        ("[{changes: {paths: [other], compare_to: $CI_DEFAULT_BRANCH}}]", True),
    ],
)
def test_rules(run: Run, rules: str, taken: bool) -> None:
    # docs.gitlab.com/ci/yaml/includes/#use-rules-with-include
    fetcher = MemoryFetcher(
        {"b.yml": "b: {script: x}", "Dockerfile": ""}, projects={"g/p@HEAD": {"Makefile": ""}}
    )
    given = {"fetcher": fetcher, "changes": MemoryChanges(["Dockerfile"], {"main": ["other"]})}
    result = run(f"include: {{local: b.yml, rules: {rules}}}\n{JOB}", given=given)
    assert result.pipeline is not None
    assert ("b" in names(result.pipeline)) == taken
    account = result.explanation.includes[0]
    assert (account.location, account.decision.included) == ("local: b.yml", taken)
    assert account.files == (("b.yml",) if taken else ())


def test_exists_looks_where_the_including_file_is(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/includes/#include-with-rulesexists
    main = "include: {local: more.yml, rules: [{exists: [theirs.txt]}]}"
    other = {"main.yml": main, "more.yml": "more: {script: x}", "theirs.txt": ""}
    given = files({}, projects={"g/p@HEAD": other})
    assert names(plan(f"include: {{project: g/p, file: main.yml}}\n{JOB}", given=given)) == ["more", "a"]


def test_integrity(plan: Plan, errors: Errors) -> None:
    # docs.gitlab.com/ci/yaml/#includeintegrity
    text = "b: {script: x}"
    given = files({}, urls={"https://e.com/b.yml": text})
    digest = "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    entry = "include: {{remote: 'https://e.com/b.yml', integrity: '{0}'}}\na: {{script: x}}"
    assert names(plan(entry.format(digest), given=given)) == ["b", "a"]
    assert "not the one of integrity" in errors(entry.format("sha256-AAAA"), given=given)[0]


@pytest.mark.parametrize(
    ("cache", "seconds"), [("true", 3600), ("false", 0), ("1 day", 86400), ("1 minute", 60), ("", 0)]
)
def test_a_remote_file_may_be_cached(plan: Plan, cache: str, seconds: int) -> None:
    # docs.gitlab.com/ci/yaml/#includecache
    given = files({}, urls={"https://e.com/b.yml": "b: {script: x}"})
    found = plan(f"include: {{remote: 'https://e.com/b.yml', cache: {cache}}}\n{JOB}", given=given)
    assert names(found)[0] == "b"
    assert given["fetcher"].kept == [seconds]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            "{remote: 'https://e.com/b.yml', cache: 30 seconds}",
            "include:cache must be true or a duration of a minute",
        ),
        (
            "{remote: 'https://e.com/b.yml', cache: often}",
            "include:cache must be true or a duration of a minute",
        ),
        ("{local: b.yml, cache: true}", "include:cache goes with include:remote only."),
    ],
)
def test_wrong_caching(errors: Errors, entry: str, message: str) -> None:
    given = files({"b.yml": JOB}, urls={"https://e.com/b.yml": "b: {script: x}"})
    assert message in errors(f"include: {entry}\n{JOB}", given=given)[0]


@pytest.mark.parametrize(
    ("include", "message"),
    [
        ("missing.yml", "include:local 'missing.yml' cannot be had: the file does not exist."),
        ("script.sh", "include:local 'script.sh' must end in .yml or .yaml."),
        ("'none/*.yml'", "no file of the repository matches 'none/*.yml'."),
        ("{project: no/where, file: a.yml}", "project not found or access denied"),
        ("{project: g/p}", "include:project needs file"),
        ("{local: a.yml, remote: b.yml}", "it has both local and remote"),
        ("{file: a.yml}", "it has none of them"),
        ("{local: a.yml, ref: main}", "include:ref goes with include:project only."),
        ("{local: a.yml, bogus: 1}", "unknown keys: bogus"),
        ("{component: nonsense}", "must be written host/project/name@version"),
        ("[1]", "must be a path, a URL or a map, not the number 1"),
        ("{local: [a]}", "include:local must be a text"),
        ("{local: empty.yml}", "The included file is empty."),
        ("{local: list.yml}", "must be a map of keywords and jobs"),
        ("{local: bad.yml}", "cannot be read"),
        ("{local: big.yml}", "more than the limit of 1000 (file_bytes)"),
        ("{local: a.yml, inputs: {x: 1}}", "Inputs are given, but the file has no spec:inputs"),
    ],
)
def test_wrong_includes(errors: Errors, include: str, message: str) -> None:
    home = {"a.yml": JOB, "empty.yml": "", "list.yml": "[]", "bad.yml": "a: [", "big.yml": "#" * 2000}
    given = files(home, projects={"g/p@HEAD": {}})
    found = errors(f"include: {include}\n{JOB}", given=given, limits=Limits(file_bytes=1000))
    assert message in " ".join(found)


def test_places_are_those_of_the_included_file(run: Run) -> None:
    given = files({}, projects={"g/p@v1": {"ci/b.yml": "b:\n  script: x\n  when: sometimes\n"}})
    result = run(f"include: {{project: g/p, ref: v1, file: ci/b.yml}}\n{JOB}", given=given)
    assert [str(error).split(": ")[0] for error in result.errors] == ["g/p@v1:ci/b.yml:3:9"]


def test_circles_and_too_many_files(errors: Errors, plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/includes/#maximum-of-150-nested-includes-are-allowed-error
    given = files({"a.yml": "include: b.yml", "b.yml": "include: a.yml"})
    assert (
        "include goes in a circle: a.yml -> b.yml -> a.yml."
        in errors(f"include: a.yml\n{JOB}", given=given)[0]
    )
    many = files({"a.yml": JOB})
    assert names(plan(f"include: [{', '.join(['a.yml'] * 150)}]\n{JOB}", given=many)) == ["a"]
    found = errors(f"include: [{', '.join(['a.yml'] * 151)}]\n{JOB}", given=many)
    assert "Maximum of 150 nested includes are allowed! (includes)" in found[0]
    bomb = files({f"{n}.yml": f"include: [{n + 1}.yml, {n + 1}.yml]" for n in range(20)} | {"20.yml": JOB})
    assert "Maximum of 150 nested includes are allowed!" in errors(f"include: 0.yml\n{JOB}", given=bomb)[0]
    big = files({"a.yml": JOB + "#" * 1000})
    found = errors(f"include: [a.yml, a.yml]\n{JOB}", given=big, limits=Limits(included_bytes=1500))
    assert "more than 1500 bytes (included_bytes)" in found[0]


def test_anchors_stay_in_their_file_but_extends_and_references_reach_across(
    plan: Plan, errors: Errors
) -> None:
    # docs.gitlab.com/ci/yaml/yaml_optimization/
    given = files({"base.yml": ".base: &base {script: [one], tags: [x]}"})
    job = plan(
        "include: base.yml\na: {extends: .base, script: [!reference [.base, script], two]}", given=given
    )
    assert job.jobs[0].definition()["script"] == ["one", "two"]
    assert job.jobs[0].tags == ("x",)
    assert "The alias *base has no anchor" in errors("include: base.yml\na: *base", given=given)[0]


def test_masked_variables_are_not_shown(run: Run) -> None:
    given = {"fetcher": MemoryFetcher(), "masked": frozenset({"SECRET"})}
    result = run(f"include: 'dir/$SECRET.yml'\n{JOB}", given=given, SECRET="hunter2")
    assert "hunter2" not in str(result)
    assert "dir/[MASKED].yml" in str(result.errors[0])


def test_the_merged_configuration_as_text(run: Run) -> None:
    given = files({"base.yml": ".base: {script: [one], tags: [x]}\nvariables: {A: 1, B: '2'}"})
    text = """
        include: base.yml
        variables: {B: "3"}
        a: {extends: .base, script: [!reference [.base, script], two]}
    """
    merged = merged_yaml(run(text, given=given))
    assert merged is not None
    assert yaml.safe_load(merged) == {
        ".base": {"script": ["one"], "tags": ["x"]},
        "variables": {"A": 1, "B": "3"},
        "a": {"script": [["one"], "two"], "tags": ["x"]},
    }
    assert merged_yaml(run("a: [")) is None
    laughs = "\n".join(f".l{n}: [" + ", ".join([f"!reference [.l{n - 1}]"] * 9) + "]" for n in range(1, 9))
    bomb = merged_yaml(run(f".l0: [x]\n{laughs}\na: {{script: x}}"))
    assert bomb is not None
    assert len(bomb) < 5000
