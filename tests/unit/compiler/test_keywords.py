"""Owns the tests of each keyword: what is read from the docs' examples, and what is refused with which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ci_core.compiler import CompiledPipeline, CompileResult
from ci_core.compiler.durations import parse_duration

Run = Callable[..., CompileResult]
Plan = Callable[..., CompiledPipeline]
Errors = Callable[..., list[str]]


def job(**keywords: Any) -> str:
    return yaml.safe_dump({"job": {"script": "x", **keywords}}, sort_keys=False)


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("script", "make", ["make"]),
        ("script", ["a", ["b", ["c"]]], ["a", "b", "c"]),
        ("before_script", ["a"], ["a"]),
        ("after_script", "a", ["a"]),
        ("image", "ruby:3.0", {"name": "ruby:3.0"}),
        (
            "image",
            {"name": "super/sql", "entrypoint": [""], "docker": {"platform": "arm64/v8", "user": "dave"}},
            {
                "name": "super/sql",
                "entrypoint": [""],
                "executor_opts": {"docker": {"platform": "arm64/v8", "user": "dave"}},
            },
        ),
        (
            "image",
            {"name": "r", "pull_policy": ["always", "never"], "kubernetes": {"user": 1001}},
            {
                "name": "r",
                "pull_policy": ["always", "never"],
                "executor_opts": {"kubernetes": {"user": "1001"}},
            },
        ),
        (
            "services",
            [
                {"name": "my-postgres:11.7", "alias": "db", "entrypoint": ["/bin/db"], "command": ["start"]},
                {"name": "s", "variables": {"A": 1}},
                "redis",
            ],
            [
                {"name": "my-postgres:11.7", "entrypoint": ["/bin/db"], "command": ["start"], "alias": "db"},
                {"name": "s", "variables": [{"key": "A", "value": "1", "raw": False}]},
                {"name": "redis"},
            ],
        ),
        (
            "hooks",
            {"pre_get_sources_script": ["echo hi"]},
            [{"name": "pre_get_sources_script", "script": ["echo hi"]}],
        ),
        (
            "variables",
            {"A": "text", "B": 1, "C": True, "D": None, "E": {"value": "$A", "expand": False}, "F": 1.5},
            [
                {"key": "A", "value": "text", "raw": False},
                {"key": "B", "value": "1", "raw": False},
                {"key": "C", "value": "true", "raw": False},
                {"key": "D", "value": "", "raw": False},
                {"key": "E", "value": "$A", "raw": True},
                {"key": "F", "value": "1.5", "raw": False},
            ],
        ),
    ],
)
def test_definition(plan: Plan, keyword: str, value: Any, expected: Any) -> None:
    assert plan(job(**{keyword: value})).jobs[0].definition()[keyword] == expected


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({"timeout": "3 hours 30 minutes"}, {"timeout": 12_600}),
        ({"timeout": 90}, {"timeout": 90}),
        ({"retry": 2}, {"retry_max": 2, "retry_when": ()}),
        (
            {
                "retry": {
                    "max": 2,
                    "when": ["runner_system_failure", "stuck_or_timeout_failure"],
                    "exit_codes": 137,
                }
            },
            {
                "retry_max": 2,
                "retry_when": ("runner_system_failure", "stuck_or_timeout_failure"),
                "retry_exit_codes": (137,),
            },
        ),
        ({"retry": {"max": 1, "when": "always"}}, {"retry_max": 1, "retry_when": ("always",)}),
        (
            {"retry": {"max": 1, "when": "missing_dependency_failure"}},
            {"retry_max": 1, "retry_when": ("missing_dependency_failure",)},
        ),
        (
            {"retry": {"max": 1, "when": ["runner_interrupted", "stuck_pending_no_matching_runners"]}},
            {"retry_max": 1, "retry_when": ("runner_interrupted", "stuck_pending_no_matching_runners")},
        ),
        (
            {"allow_failure": {"exit_codes": 137}},
            {"allow_failure": False, "allow_failure_exit_codes": (137,)},
        ),
        ({"allow_failure": {"exit_codes": [137, 255]}}, {"allow_failure_exit_codes": (137, 255)}),
        ({"interruptible": True}, {"interruptible": True}),
        ({"tags": ["ruby", "$CI_COMMIT_BRANCH-runner", "ruby"]}, {"tags": ("ruby", "main-runner")}),
        ({"tags": ["$NOTHING", "", "main", "$CI_COMMIT_BRANCH"]}, {"tags": ("main",)}),
        ({"coverage": "/Code coverage: \\d+/"}, {"coverage": "/Code coverage: \\d+/"}),
        ({"resource_group": "prod/$CI_COMMIT_BRANCH"}, {"resource_group": "prod/main"}),
        ({"when": "manual", "manual_confirmation": "Sure?"}, {"manual_confirmation": "Sure?"}),
    ],
)
def test_job(plan: Plan, keywords: dict[str, Any], expected: dict[str, Any]) -> None:
    found = plan(job(**keywords)).jobs[0]
    assert {name: getattr(found, name) for name in expected} == expected


def test_artifacts(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/#artifacts
    archive, junit, dotenv, coverage = (
        plan(
            job(
                artifacts={
                    "name": "job1-$CI_COMMIT_REF_NAME",
                    "paths": ["binaries/", ".config"],
                    "exclude": ["binaries/**/*.o"],
                    "untracked": True,
                    "when": "on_failure",
                    "expire_in": "1 week",
                    "expose_as": "artifact 1",
                    "access": "developer",
                    "reports": {
                        "junit": "rspec.xml",
                        "dotenv": ["build.env"],
                        "coverage_report": {"coverage_format": "cobertura", "path": "coverage/x.xml"},
                    },
                }
            )
        )
        .jobs[0]
        .definition()["artifacts"]
    )
    assert archive == {
        "name": "job1-$CI_COMMIT_REF_NAME",
        "paths": ["binaries/", ".config"],
        "exclude": ["binaries/**/*.o"],
        "untracked": True,
        "when": "on_failure",
        "expire_in": "1 week",
        "artifact_type": "archive",
        "artifact_format": "zip",
        "access": "developer",
        "expose_as": "artifact 1",
    }
    assert junit == {
        "name": "junit.xml",
        "paths": ["rspec.xml"],
        "exclude": [],
        "untracked": False,
        "when": "always",
        "expire_in": "1 week",
        "artifact_type": "junit",
        "artifact_format": "gzip",
        "access": "all",
        "expose_as": None,
    }
    assert (dotenv["artifact_type"], dotenv["paths"]) == ("dotenv", ["build.env"])
    assert (coverage["artifact_type"], coverage["paths"]) == ("cobertura", ["coverage/x.xml"])


def test_artifacts_public_false_is_access_developer(plan: Plan) -> None:
    entry = plan(job(artifacts={"paths": ["a"], "public": False})).jobs[0].definition()["artifacts"][0]
    assert entry["access"] == "developer"


def test_cache(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/#cache
    caches = (
        plan(
            job(
                cache=[
                    {"paths": ["vendor/"]},
                    {
                        "key": "$CI_COMMIT_REF_SLUG",
                        "paths": ["a"],
                        "policy": "pull",
                        "when": "always",
                        "untracked": True,
                        "unprotect": True,
                        "fallback_keys": ["f"],
                    },
                    {
                        "key": {"files": ["Gemfile.lock", "package.json"], "prefix": "$CI_JOB_NAME"},
                        "paths": ["b"],
                    },
                ]
            )
        )
        .jobs[0]
        .definition()["cache"]
    )
    default = {
        "key": "default",
        "paths": ["vendor/"],
        "policy": "pull-push",
        "when": "on_success",
        "untracked": False,
        "unprotect": False,
        "fallback_keys": [],
    }
    assert caches[0] == default
    assert caches[1] == {
        "key": "$CI_COMMIT_REF_SLUG",
        "paths": ["a"],
        "policy": "pull",
        "when": "always",
        "untracked": True,
        "unprotect": True,
        "fallback_keys": ["f"],
    }
    assert caches[2] == {
        **default,
        "key": "$CI_JOB_NAME",
        "paths": ["b"],
        "key_files": ["Gemfile.lock", "package.json"],
        "key_prefix": "$CI_JOB_NAME",
    }


@pytest.mark.parametrize("value", [[], {}])
def test_no_cache(plan: Plan, value: Any) -> None:
    assert plan(job(cache=value)).jobs[0].definition()["cache"] == []


def test_environment(plan: Plan) -> None:
    # docs.gitlab.com/ci/environments/#create-a-dynamic-environment
    pipeline = plan("""
        deploy:
          script: x
          variables: {APP: shop}
          environment:
            name: review/$APP-$CI_COMMIT_REF_SLUG
            url: https://$CI_COMMIT_REF_SLUG.example.com
            on_stop: stop
            auto_stop_in: 1 week
            deployment_tier: development
        later: {script: x, environment: {name: a, url: "https://$CI_ENVIRONMENT_SLUG.$CI_COMMIT_BRANCH"}}
        short: {script: x, environment: production}
        stop:
          script: x
          when: manual
          variables: {APP: shop}
          environment: {name: review/$APP-$CI_COMMIT_REF_SLUG, action: stop}
    """)
    found = {item.name: item.environment for item in pipeline.jobs}
    deploy = found["deploy"]
    assert deploy is not None
    assert (deploy.name, deploy.url) == ("review/shop-main", "https://main.example.com")
    assert (deploy.on_stop, deploy.auto_stop_in, deploy.deployment_tier) == ("stop", 604_800, "development")
    assert found["later"] is not None
    assert found["later"].url == "https://$CI_ENVIRONMENT_SLUG.$CI_COMMIT_BRANCH"
    assert found["short"] is not None
    assert (found["short"].name, found["short"].action) == ("production", "start")
    assert found["stop"] is not None
    assert found["stop"].action == "stop"


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"script": None}, "has no script"),
        ({"script": ""}, "script must not be empty"),
        ({"script": []}, "script must not be empty"),
        ({"script": 5}, "a command or a list of commands, not the number 5"),
        ({"script": [{"echo": "a"}]}, "Put the whole command in single quotes"),
        ({"script": [5]}, "Put it in quotes"),
        ({"script": [[[[[[[[[[[["x"]]]]]]]]]]]]}, "script_depth"),
        ({"before_script": {"a": "b"}}, "before_script must be"),
        ({"hooks": {"post_build": "x"}}, "hooks config contains unknown keys: post_build"),
        ({"image": {"entrypoint": []}}, "image has no name"),
        ({"image": ["a"]}, "image must be a map"),
        ({"image": {"name": "a", "pull_policy": "often"}}, "pull_policy must be 'always'"),
        ({"image": " "}, "must not be blank"),
        ({"services": "redis"}, "services must be a list"),
        ({"variables": ["a"]}, "variables must be a map"),
        ({"variables": {"a-b": "c"}}, "cannot be the name of a variable"),
        ({"variables": {"a": ["b"]}}, "The variable a must be a text"),
        ({"variables": {"a": {"value": "b", "description": "c"}}}, "unknown keys: description"),
        ({"variables": {"a": {"value": "b", "expand": "no"}}}, "expand must be true or false"),
        ({"timeout": "soon"}, "timeout must be a duration"),
        ({"timeout": 0}, "timeout must be a duration"),
        ({"timeout": "3 months"}, "more than the limit of 2629746 (job_timeout), a month"),
        ({"environment": {"name": "a", "url": "https://e.com/" + "x" * 250}}, "more than the limit of 255"),
        ({"retry": 3}, "from 0 to 2"),
        ({"retry": {"max": 1, "when": "sometimes"}}, "retry:when must be"),
        ({"retry": {"max": 1, "unless": "x"}}, "unknown keys: unless"),
        ({"allow_failure": "yes please"}, "allow_failure must be"),
        ({"allow_failure": {"exit_code": 1}}, "Did you mean 'exit_codes'?"),
        ({"interruptible": "x"}, "interruptible must be true or false"),
        ({"tags": "docker"}, "tags must be a list of texts"),
        ({"tags": [1]}, "Each entry of tags must be a text"),
        ({"coverage": "\\d+"}, "between slashes, such as '/\\d+/'"),
        ({"coverage": "/(/"}, "not a valid RE2"),
        ({"resource_group": ""}, "must not be blank"),
        ({"artifacts": ["a"]}, "artifacts must be a map"),
        ({"artifacts": {"path": ["a"]}}, "Did you mean 'paths'?"),
        ({"artifacts": {"paths": "a"}}, "artifacts:paths must be a list of texts"),
        ({"artifacts": {"paths": ["a"], "expire_in": "later"}}, "artifacts:expire_in must be a duration"),
        ({"artifacts": {"paths": ["a"], "when": "manual"}}, "artifacts:when must be"),
        ({"artifacts": {"reports": {"junt": "a"}}}, "Did you mean 'junit'?"),
        ({"artifacts": {"reports": {"coverage_report": {"path": "a"}}}}, "needs coverage_format"),
        ({"artifacts": {"expose_as": "a"}}, "needs artifacts:paths"),
        ({"artifacts": {"expose_as": "a", "paths": ["*.o"]}}, "does not work with *"),
        ({"artifacts": {"paths": ["a"], "public": True, "access": "all"}}, "exclude each other"),
        ({"cache": "a"}, "cache must be a map or a list of maps"),
        ({"cache": {"path": ["a"]}}, "Did you mean 'paths'?"),
        ({"cache": {"key": {"files": ["a", "b", "c"]}}}, "one or two files"),
        ({"cache": {"key": {"prefix": "a"}}}, "cache:key needs files or files_commits"),
        ({"cache": {"key": ".."}}, "must not consist of dots"),
        ({"cache": {"policy": "push-pull"}}, "cache:policy must be"),
        ({"cache": [{}, {}, {}, {}, {}]}, "limit of 4 (caches_per_job)"),
        ({"environment": {"url": "a"}}, "environment has no name"),
        ({"environment": "a*b"}, "may hold letters"),
        ({"environment": {"name": "a", "action": "begin"}}, "environment:action must be"),
        ({"environment": {"name": "a", "auto_stop_in": "x"}}, "environment:auto_stop_in must be"),
        ({"environment": "$NOTHING"}, "comes to nothing"),
        ({"inherit": []}, "inherit must be a map"),
        ({"scripts": "x"}, "job config contains unknown keys: scripts. Did you mean 'script'?"),
        ({"foo": "x"}, "job config contains unknown keys: foo."),
        ({"stage": []}, "stage must be a text"),
    ],
)
def test_refused(errors: Errors, keywords: dict[str, Any], words: str) -> None:
    found = errors(job(**keywords))
    assert any(words in error for error in found), found


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"retry": {"when": "always"}}, "retry has no max"),
        ({"artifacts": {"expire_in": "1 day"}}, "nothing is kept"),
        ({"rules": [{"if": '$CI =~ "x"'}, {"when": "always"}]}, "Write a /pattern/ instead"),
    ],
)
def test_warned(run: Run, keywords: dict[str, Any], words: str) -> None:
    result = run(job(**keywords))
    assert result.pipeline is not None
    assert words in result.warnings[0].message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("script: x", "'script' is neither a keyword nor a job"),
        ("varaibles: [a]\na: {script: x}", "Did you mean 'variables'?"),
        (".a: {script: x}", "no visible job"),
        ("'': {script: x}", "1 to 255 characters"),
        ("variables: {A: {value: a, options: [b, c]}}\na: {script: x}", "value must be one of the options"),
        ("variables: {A: {value: a, options: b}}\na: {script: x}", "options must be a list"),
        ("variables: {A: $B, B: $C, C: $A}\na: {script: x}", "circle: A -> B -> C -> A"),
        ("a: {script: x, variables: {A: $B, B: $A}}", "circle: A -> B -> A"),
    ],
)
def test_refused_at_the_top(errors: Errors, text: str, words: str) -> None:
    assert words in errors(text)[0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("42", 42),
        ("42 seconds", 42),
        ("3 mins 4 sec", 184),
        ("2 hrs 20 min", 8400),
        ("2h20min", 8400),
        ("6 mos 1 day", 15_638_400),
        ("47 yrs 6 mos and 4d", None),
        ("3 weeks and 2 days", 1_987_200),
        ("1 hour, 30 minutes", 5400),
        ("an hour", 3600),
        ("1.5 hours", 5400),
        ("01:30:00", 5400),
        ("4:01", 241),
        ("", None),
        ("soon", None),
        ("1 parsec", None),
        ("hour", 3600),
        ("minute 30sec", 90),
        ("twenty-five minutes plus eleven seconds", 1511),
        ("1 hour, ten minutes and 42 seconds", 4242),
        ("12 mins 3.24 sec", 723),
        (".5h", 1800),
        ("1h5", 3605),
        ("5 5", 5),
        ("1:02:03:04", 93_784),
        ("1 : 30", 90),
        ("1:2:3:4:5:6:7", None),
        ("1h 1:30", None),
        ("0", None),
        ("0.5", None),
        ("1,000 seconds", None),
        ("1 fortnight", None),
        ("1h ago", None),
        ("and", None),
        ("-1 hour", None),
        ("9" * 150 + " years", None),
        ("1 " * 101, None),
    ],
)
def test_durations(text: str, seconds: int | None) -> None:
    # docs.gitlab.com/ci/yaml/#artifactsexpire_in
    if text.startswith("47"):
        seconds = 47 * 31_557_600 + 6 * 2_592_000 + 4 * 86_400
    assert parse_duration(text) == seconds
