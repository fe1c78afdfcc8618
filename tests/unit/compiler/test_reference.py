"""Owns the tables of what GitLab's keyword reference allows, refuses and takes as a default, keyword by keyword.

Each part names its page, docs.gitlab.com/ci/yaml/ where no other stands; where the page is silent, the row is a check
of GitLab's own in lib/gitlab/ci/config/entry/.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ci_core.compiler import CompiledPipeline, CompileResult
from tests.unit.compiler.conftest import MemoryFetcher

Run = Callable[..., CompileResult]
Plan = Callable[..., CompiledPipeline]
Errors = Callable[..., list[str]]

REPOSITORY = {"fetcher": MemoryFetcher({"Dockerfile": "", "b.yml": "b: {script: x}"})}
MANY_TAGS = ", ".join(f"t{n}" for n in range(49))
KUBERNETES = "environment: {name: p, kubernetes: %s}"
SUM = "sha256-L3/GAoKaw0Arw6hDCKeKQlV1QPEgHYxGBHsH4zG1IY8="

# What a job `a` may have besides its script.
TAKEN = [
    # rules, #rulesexists: one path alone
    "rules: [{exists: Dockerfile}]",
    "rules: [{variables: {A: b, B: 1, C: 1.5, D: true}}]",
    "rules: [{allow_failure: true}]",
    "rules: [[{if: $CI}], {when: always}]",
    # #tags: fewer than 50
    f"tags: [{MANY_TAGS}]",
    # #needs: one job alone as a map
    "needs: {job: other}",
    # #environmentkubernetes
    KUBERNETES % "{agent: a}",
    KUBERNETES % "{agent: a, managed_resources: {enabled: false}}",
    KUBERNETES % "{managed_resources: {enabled: false}}",
    KUBERNETES % "{agent: a, dashboard: {namespace: n, flux_resource_path: f}}",
    KUBERNETES % "{namespace: n}",
    KUBERNETES % "{agent: a, namespace: n, flux_resource_path: f}",
    # #cachekey: a text with variables, with dots in it
    "cache: {key: 1.2-$CI_COMMIT_REF_SLUG, paths: [b]}",
    "cache: {key: {files: [web/Gemfile.lock], prefix: .a}, paths: [b]}",
    # #cachefallback_keys, docs.gitlab.com/ci/caching/#per-cache-fallback-keys
    "cache: {key: a, paths: [b], fallback_keys: [1a, 2a, 3a, 4a, 5a]}",
    # #artifactsexpose_as, #artifactsaccess
    "artifacts: {paths: [b], expose_as: 'a-b c_1', access: maintainer}",
    # #parallelmatrix: texts and whole numbers
    "parallel: {matrix: [{V: ['3.10', 4, v5]}]}",
    # #releasereleased_at, #releasetag_message
    "release: {tag_name: a, description: b, released_at: '2021-03-15T08:00:00Z', tag_message: ''}",
    "release: {tag_name: a, description: b, released_at: $WHEN, milestones: m1}",
    # #imagedocker, #imagekubernetes
    "image: {name: r, kubernetes: {user: 1001}, docker: {user: '1001', platform: arm64/v8}}",
    # #secrets; keys of providers: GitLab, ee/lib/gitlab/ci/config/entry/*/secret.rb
    "secrets: {A: {akeyless: {name: n, uid_token: $T, k8s_auth_config_name: k}}}",
    "secrets: {A: {gitlab_secrets_manager: {name: n, source: group/a/b.c}}}",
    # #retrywhen: all reasons of GitLab's Status::Build::Failed
    "retry: {max: 1, when: [environment_creation_failure, user_blocked, stale_schedule, ci_quota_exceeded]}",
    # #timeout, #artifactsexpire_in: durations as gitlab-chronic-duration reads them
    "timeout: hour",
    "artifacts: {paths: [b], expire_in: two weeks plus 1 day}",
    # #resource_group
    "resource_group: 'a-b_c/$D ${E}.f'",
    # #whendelayed, #start_in: up to a week
    "when: delayed, start_in: 1 week",
    # #interruptible: a YAML boolean
    "interruptible: yes",
]

# The same with the beginning of what is to be said.
REFUSED = [
    # #rulesvariables, #variablesexpand
    ("rules: [{variables: {A: {value: b}}}]", "The variable A must be a text or a number; in rules"),
    ("rules: [{variables: {A: }}]", "The variable A must be a text or a number"),
    ("services: [{name: r, variables: {A: {value: b}}}]", "The variable A must be a text or a number"),
    # #rulesallow_failure, #rulesneeds, and a rule without anything
    ("rules: [{allow_failure: {exit_codes: 1}}]", "rules:allow_failure must be true or false, not a map."),
    (
        "rules: [{needs: [{project: g/p, job: b, ref: m, artifacts: true}]}]",
        "rules:needs names jobs of this pipeline only.",
    ),
    ("rules: [{needs: [{pipeline: $P, job: b}]}]", "rules:needs names jobs of this pipeline only."),
    ("rules: [{}]", "A rule must not be empty."),
    ("rules: [{changes: Dockerfile}]", "rules:changes must be a list of texts"),
    # docs.gitlab.com/ci/yaml/deprecated_keywords/#only--except
    ("only: main", "only/except:refs must be a list of texts"),
    ("except: {refs: main}", "only/except:refs must be a list of texts"),
    ("only: {changes: {paths: [b]}}", "rules:changes must be a list of texts, not a map."),
    # #cachekey
    ("cache: {key: b/c, paths: [d]}", "cache:key must not hold a slash, nor %2F"),
    ("cache: {key: b%2fc, paths: [d]}", "cache:key must not hold a slash, nor %2F"),
    ("cache: {key: '...', paths: [d]}", "cache:key must not consist of dots."),
    ("cache: {key: '%2E%2e', paths: [d]}", "cache:key must not consist of dots."),
    ("cache: {key: {files: [b], prefix: b/c}, paths: [d]}", "cache:key:prefix must not hold a slash"),
    ("cache: {key: {files: [b], files_commits: [c]}, paths: [d]}", "cache:key needs files or files_commits"),
    ("cache: {paths: [d], fallback_keys: [1a, 2a, 3a, 4a, 5a, 6a]}", "cache:fallback_keys must have up to 5"),
    # #environmentkubernetes
    (KUBERNETES % "{}", "environment:kubernetes must not be empty."),
    (KUBERNETES % "{dashboard: {namespace: n}}", "environment:kubernetes needs agent."),
    (KUBERNETES % "{managed_resources: {enabled: true}}", "environment:kubernetes needs agent."),
    (KUBERNETES % "{namespace: n, flux_resource_path: f}", "environment:kubernetes needs agent."),
    (
        KUBERNETES % "{agent: a, flux_resource_path: f}",
        "environment:kubernetes:flux_resource_path needs namespace.",
    ),
    (
        KUBERNETES % "{agent: a, dashboard: {flux_resource_path: f}}",
        "environment:kubernetes:dashboard needs namespace.",
    ),
    (
        KUBERNETES % "{agent: a, namespace: n, dashboard: {namespace: n}}",
        "environment:kubernetes:namespace and environment:kubernetes:dashboard:namespace exclude each other.",
    ),
    (
        KUBERNETES % "{agent: a, managed_resources: {enabled: 'yes'}}",
        "environment:kubernetes:managed_resources:enabled must be true or false",
    ),
    (
        KUBERNETES % "{agent: a, dashboard: {namespace: n, color: c}}",
        "environment:kubernetes:dashboard config",
    ),
    (
        KUBERNETES % f"{{agent: a, dashboard: {{namespace: {'n' * 64}}}}}",
        "environment:kubernetes:dashboard:namespace",
    ),
    # #tags, #needs, #needsparallelmatrix, #dependencies
    (f"tags: [{MANY_TAGS}, t50]", "A job has 50 tags; there must be fewer than the limit of 50"),
    ("needs: {}", "needs must be a list of jobs, not an empty map."),
    ("needs: other", "needs must be a list of jobs, not the text 'other'."),
    (
        "needs: [{job: many, optional: true, parallel: {matrix: [{A: x}]}}]",
        "needs:optional does not go together with needs:parallel:matrix.",
    ),
    ("needs: [many], dependencies: [other]", "dependencies names 'other'"),
    # #parallelmatrix
    ("parallel: {matrix: [{V: [3.9, 3.10]}]}", "parallel:matrix: V must be texts or whole numbers"),
    ("parallel: {matrix: [{V: true}]}", "parallel:matrix: V must be texts or whole numbers"),
    # #hookspre_get_sources_script, #inheritdefault, #resource_group
    ("hooks: {post_get_sources_script: [b]}", "hooks config contains unknown keys: post_get_sources_script."),
    ("inherit: {default: [secrets]}", "inherit:default names 'secrets', which has no default."),
    ("resource_group: 'b:c'", "resource_group 'b:c' may hold letters"),
    ("resource_group: /b", "resource_group '/b' may hold letters"),
    # #servicescommand, #imagepull_policy, #imagedocker
    ("services: [{name: r, command: run}]", "service:command must be a list of texts"),
    ("image: {name: r, pull_policy: []}", "image:pull_policy must be 'always'"),
    ("image: {name: r, docker: {user: 1}}", "image:docker:user must be a text, not the number 1."),
    ("image: {name: r, docker: {platform: %s}}" % ("p" * 65), "image:docker:platform has 65 characters"),
    # #artifactsexpose_as, #releasereleased_at
    (
        "artifacts: {paths: [b], expose_as: b/c}",
        "artifacts:expose_as may hold letters, digits, spaces and - _",
    ),
    (
        "release: {tag_name: a, description: b, released_at: soon}",
        "release:released_at must be a time in ISO 8601",
    ),
    ("artifacts: {paths: [b], expire_in: '0'}", "artifacts:expire_in must be a duration"),
    ("timeout: '1,000 seconds'", "timeout must be a duration"),
    # #release, #pagespath_prefix, #secrets: texts
    ("release: {tag_name: 5, description: b}", "release:tag_name must be a text, not the number 5."),
    ("pages: {path_prefix: 5}", "pages:path_prefix must be a text, not the number 5."),
    ("pages: {expire_in: 5}", "pages:expire_in must be a text, not the number 5."),
    (
        "secrets: {A: {azure_key_vault: {name: n, version: 1}}}",
        "secrets:azure_key_vault:version must be a text, not the number 1.",
    ),
    # #secretstoken, #secrets
    ("secrets: {A: {gcp_secret_manager: {name: n}}}", "secrets:gcp_secret_manager needs token"),
    (
        "secrets: {A: {gitlab_secrets_manager: {name: n, source: a/b}}}",
        "secrets:gitlab_secrets_manager:source must be 'project', or 'group/' with the path of a group",
    ),
]


def with_job(keywords: str) -> str:
    return (
        "other: {stage: build, script: x}\n"
        "many: {stage: build, script: x, parallel: {matrix: [{A: [x, y]}]}}\n"
        f"a: {{script: x, {keywords}}}"
    )


@pytest.mark.parametrize("keywords", TAKEN)
def test_taken(plan: Plan, keywords: str) -> None:
    assert any(job.base_name == "a" for job in plan(with_job(keywords), given=REPOSITORY).jobs)


@pytest.mark.parametrize(("keywords", "words"), REFUSED)
def test_refused(errors: Errors, keywords: str, words: str) -> None:
    found = errors(with_job(keywords), given=REPOSITORY)
    assert [error.partition(": ")[2][: len(words)] for error in found] == [words] * len(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # #workflowrulesvariables, #variablesoptions
        (
            "workflow: {rules: [{variables: {A: {value: b}}}]}\na: {script: x}",
            "The variable A must be a text",
        ),
        (
            "variables: {A: {value: '1', options: [1]}}\na: {script: x}",
            "Each entry of options must be a text",
        ),
        ("variables: {A: {value: 1, options: ['1']}}\na: {script: x}", "value must be one of the options"),
        # #includeintegrity
        ("include: [{remote: 'https://e.com/a.yml', integrity: md5-x}]", "include:integrity must be sha256-"),
        (
            "include: [{local: b.yml, integrity: sha256-AAAA}]",
            "include:integrity goes with include:remote only.",
        ),
        # docs.gitlab.com/ci/jobs/#job-names
        (
            "pages:deploy: {stage: deploy, script: x}",
            "A job of the stage deploy cannot be called pages:deploy",
        ),
        # #trigger
        ("a: {trigger: g/p, allow_failure: {exit_codes: 1}}", "allow_failure:exit_codes needs a script."),
        ("a: {trigger: g/p, parallel: 2}", "parallel must be a map with matrix where the job has no script."),
        ("a: {needs: {pipeline: g/p}, parallel: 2}", "parallel must be a map with matrix"),
        # #triggerinputs, #triggerinclude
        ("a: {trigger: {include: b.yml, inputs: {c: 1}}}", "trigger:inputs goes with trigger:project only."),
        (
            "a: {trigger: {include: {local: b.yml, ref: c}}}",
            "trigger:include:ref goes with trigger:include:project",
        ),
        (
            "a: {trigger: {include: {local: b.yml, job: c}}}",
            "trigger:include config contains unknown keys: job.",
        ),
        (
            "a: {trigger: {include: {remote: 'https://e.com/a.yml', integrity: x}}}",
            "trigger:include:integrity must",
        ),
        ("a: {trigger: {include: {local: b.yml, rules: [{if: '$A =='}]}}}", "Invalid expression syntax"),
        ("a: {trigger: {include: {artifact: b.yml}}}", "trigger:include:artifact needs job."),
        (
            "a: {trigger: {include: {artifact: b.yml, job: c, rules: []}}}",
            "trigger:include config contains unknown",
        ),
        (
            "a: {trigger: {include: {project: g/p, file: []}}}",
            "trigger:include:file must not be an empty list.",
        ),
    ],
)
def test_refused_files(errors: Errors, text: str, words: str) -> None:
    assert any(words in error for error in errors(text, given=REPOSITORY))


@pytest.mark.parametrize(
    "entry",
    [
        # #triggerinclude: what include takes, the child pipeline's include takes
        {"project": "g/p", "ref": "main", "file": ["a.yml", "b.yml"]},
        {"local": "a.yml", "rules": [{"if": "$A", "when": "never"}, {"exists": ["b"]}]},
        {"remote": "https://e.com/a.yml", "integrity": SUM, "cache": "1 day"},
        {"component": "e.com/g/p/c@1.0", "inputs": {"a": [1, "b"]}},
        {"template": "A.gitlab-ci.yml"},
    ],
)
def test_what_include_takes_trigger_include_hands_on(plan: Plan, entry: dict[str, Any]) -> None:
    (job,) = plan(json.dumps({"a": {"trigger": {"include": [entry]}}})).jobs
    assert job.trigger is not None
    assert job.trigger.include == (entry,)


def test_a_url_alone_is_a_remote_file(plan: Plan) -> None:
    (job,) = plan("a: {trigger: {include: ['https://e.com/a.yml', b.yml]}}").jobs
    assert job.trigger is not None
    assert job.trigger.include == ({"remote": "https://e.com/a.yml"}, {"local": "b.yml"})


def test_a_default_timeout_has_no_effect(run: Run) -> None:
    # #timeout: not supported in default, gitlab.com/gitlab-org/gitlab/-/issues/213634
    result = run("default: {timeout: 1h}\na: {script: x}\nb: {script: x, timeout: 2h}")
    assert result.pipeline is not None
    assert [job.timeout for job in result.pipeline.jobs] == [None, 7200]
    assert [warning.message.partition(".")[0] for warning in result.warnings] == [
        "default:timeout has no effect, as in GitLab"
    ]


@pytest.mark.parametrize(
    ("keywords", "condition", "names"),
    [
        # docs.gitlab.com/ci/variables/predefined_variables/: what is known of a job when its rules are looked at
        ("", '$CI_JOB_NAME == "a"', ["a"]),
        ("", '$CI_JOB_NAME_SLUG == "a" && $CI_JOB_GROUP_NAME == "a" && $CI_JOB_STAGE == "test"', ["a"]),
        ("", '$CI_NODE_TOTAL == "1" && $CI_NODE_INDEX == null', ["a"]),
        ("parallel: 3", '$CI_NODE_INDEX == "2" && $CI_NODE_TOTAL == "3"', ["a 2/3"]),
        ("parallel: 2", '$CI_JOB_GROUP_NAME == "a" && $CI_JOB_NAME != "a"', ["a 1/2", "a 2/2"]),
        ("parallel: {matrix: [{V: [x, y]}]}", '$CI_JOB_GROUP_NAME == "a" && $V == "y"', ["a: [y]"]),
        ("when: manual", '$CI_JOB_MANUAL == "true"', ["a"]),
        ("when: always", "$CI_JOB_MANUAL", []),
        ("environment: review/$CI_COMMIT_BRANCH", '$CI_ENVIRONMENT_NAME == "review/main"', ["a"]),
        ("environment: {name: e, action: stop}", '$CI_ENVIRONMENT_ACTION == "stop"', ["a"]),
        (
            "environment: {name: e, deployment_tier: $T}, variables: {T: other}",
            '$CI_ENVIRONMENT_TIER == "other"',
            ["a"],
        ),
        ("parallel: {matrix: [{V: [x, y]}]}, environment: $V", '$CI_ENVIRONMENT_NAME == "y"', ["a: [y]"]),
        ("", "$CI_ENVIRONMENT_NAME || $CI_ENVIRONMENT_ACTION || $CI_ENVIRONMENT_TIER", []),
        ("environment: e", "$CI_ENVIRONMENT_SLUG || $CI_JOB_ID || $CI_JOB_STARTED_AT || $CI_PIPELINE_ID", []),
    ],
)
def test_rules_know_the_predefined_variables_of_their_phase(
    run: Run, keywords: str, condition: str, names: list[str]
) -> None:
    separator = ", " if keywords else ""
    result = run(
        f"sure: {{script: x}}\na: {{script: x{separator}{keywords}, rules: [{{if: '{condition}'}}]}}"
    )
    assert [str(error) for error in result.errors] == []
    assert result.pipeline is not None
    assert [job.name for job in result.pipeline.jobs if job.name != "sure"] == names


def test_the_name_of_the_environment_stands_where_other_texts_want_it(plan: Plan) -> None:
    (job,) = plan("""
        a:
          script: x
          environment: {name: review/$CI_COMMIT_BRANCH, url: "https://$CI_ENVIRONMENT_NAME.test"}
          tags: [$CI_ENVIRONMENT_NAME]
    """).jobs
    assert job.environment is not None
    assert (job.environment.name, job.environment.url) == ("review/main", "https://review/main.test")
    assert job.tags == ("review/main",)
