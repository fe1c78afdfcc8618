"""Reading a project's configuration out of git: includes, access, changed and existing files."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pygit2
import pytest
from django.db import transaction

from ci_core import clock
from ci_core.actions.groups import create_group
from ci_core.actions.pipelines import compile_runnable, create_pipeline, store_pipeline
from ci_core.configuration import NO_COMMIT, AskedMergeRequest, Compiled, Situation, compile_project
from ci_core.errors import ConfigMissing
from ci_core.models import GroupVariable, Job, Project, ProjectVariable, User
from ci_core.repositories import open_repository
from ci_core.repositories.remote import fetch, is_allowed
from ci_core.statuses import PipelineSource
from ci_core.variables.given import GivenVariable
from ci_core.variables.merge_requests import MergeRequestEvent
from tests.factories import ProjectFactory, UserFactory, member
from tests.support.repositories import AUTHOR, commit_files

pytestmark = pytest.mark.django_db


def names(found: Compiled) -> list[str]:
    assert [str(error) for error in found.result.errors] == []
    assert found.result.pipeline is not None
    return [job.name for job in found.result.pipeline.jobs]


def errors(found: Compiled) -> str:
    return " ".join(str(error) for error in found.result.errors)


def compiled(project: Project, user: User | None = None, **situation: Any) -> Compiled:
    values = {"ref": "main", "source": PipelineSource.PUSH, **situation}
    return compile_project(project, Situation(**values), acting_user=user)


def shared(**fields: Any) -> Project:
    """A project whose files others include, with tags."""
    job = "theirs: {script: x}\n"
    project: Project = ProjectFactory(
        files={"ci/a.yml": job, "templates/scan.yml": "scan-1: {script: x}", "Makefile": ""}, **fields
    )
    repository = open_repository(project)._git
    repository.references.create("refs/tags/1.0.0", repository.references["refs/heads/main"].target)
    commit_files(repository, {"ci/a.yml": job, "templates/scan.yml": "scan-2: {script: x}"})
    repository.references.create("refs/tags/1.0.10", repository.references["refs/heads/main"].target)
    commit_files(repository, {"ci/a.yml": job, "templates/scan.yml": "scan-3: {script: x}"})
    repository.references.create("refs/tags/v2.0.0", repository.references["refs/heads/main"].target)
    return project


def including(entry: str, **files: str) -> Project:
    project: Project = ProjectFactory(
        files={".gitlab-ci.yml": f"include: {entry}\nours: {{script: x}}\n", **files}
    )
    return project


def test_local_files_and_wildcards() -> None:
    project = including("['/ci/*.yml']", **{"ci/a.yml": "a: {script: x}", "ci/deep/b.yml": "b: {script: x}"})
    pipeline = create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    assert list(Job.objects.in_pipeline(pipeline.pk).in_order().values_list("name", flat=True)) == [
        "a",
        "ours",
    ]


def test_other_projects_are_included_as_the_acting_user_may_see_them() -> None:
    private, public = shared(), shared(visibility="public")
    allowed = member(private)
    project = including(f"{{project: {private.full_path}, file: ci/a.yml}}")
    assert names(compiled(project, allowed)) == ["theirs", "ours"]
    for stranger in (None, UserFactory()):
        assert "project not found or access denied" in errors(compiled(project, stranger))
    missing = including("{project: no/where, file: ci/a.yml}")
    assert "project not found or access denied" in errors(compiled(missing, allowed))
    assert names(compiled(including(f"{{project: {public.full_path}, file: ci/a.yml}}"))) == [
        "theirs",
        "ours",
    ]


def test_the_project_itself_may_be_named() -> None:
    project = including(
        "{project: $CI_PROJECT_PATH, ref: $CI_COMMIT_SHA, file: a.yml}", **{"a.yml": "a: {script: x}"}
    )
    assert names(compiled(project)) == ["a", "ours"]


@pytest.mark.parametrize("ref", ["main", "1.0.0", "sha", "short"])
def test_refs_of_other_projects(ref: str) -> None:
    other = shared(visibility="public")
    sha = open_repository(other).resolve("main").sha
    ref = {"sha": sha, "short": sha[:10]}.get(ref, ref)
    project = including(f"{{project: {other.full_path}, ref: '{ref}', file: ci/a.yml}}")
    assert names(compiled(project)) == ["theirs", "ours"]


def test_an_unknown_ref_is_named() -> None:
    other = shared(visibility="public")
    found = compiled(including(f"{{project: {other.full_path}, ref: nope, file: ci/a.yml}}"))
    assert "has no branch, tag or commit 'nope'" in errors(found)


@pytest.mark.parametrize(
    ("version", "job"),
    [("1.0.0", "scan-1"), ("1.0", "scan-2"), ("1", "scan-2"), ("~latest", "scan-3"), ("main", "scan-3")],
)
def test_components(version: str, job: str) -> None:
    # docs.gitlab.com/ci/components/#component-versions
    other = shared(visibility="public")
    project = including(f"{{component: $CI_SERVER_FQDN/{other.full_path}/scan@{version}}}")
    assert names(compiled(project)) == [job, "ours"]


def test_components_of_other_servers_are_refused() -> None:
    project = including("{component: gitlab.example.com/group/p/scan@1.0}")
    assert "components are taken from this server only" in errors(compiled(project))


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://ci.example.com/shared/a.yml", True),
        ("https://CI.example.com/shared/deep/a.yml", True),
        ("https://ci.example.com/other/a.yml", False),
        ("https://ci.example.com/sharedx/a.yml", False),
        ("http://ci.example.com/shared/a.yml", False),
        ("https://ci.example.com.evil.test/shared/a.yml", False),
        ("https://ci.example.com@evil.test/shared/a.yml", False),
        ("https://ci.example.com:8443/shared/a.yml", False),
        ("https://ci.example.com/shared/../other/a.yml", False),
        ("https://ci.example.com/shared/%2e%2e/other/a.yml", False),
        ("https://ci.example.com/shared/%252e%252e/other/a.yml", False),
        ("https://ci.example.com/shared\\..\\a.yml", False),
        ("file:///etc/passwd", False),
        ("https://[broken/shared/a.yml", False),
    ],
)
def test_remote_files_come_from_allowed_places_only(url: str, allowed: bool) -> None:
    assert is_allowed(url, ["https://ci.example.com/shared/"]) == allowed
    assert not is_allowed(url, [])


def test_nothing_is_fetched_without_permission() -> None:
    refusal = fetch("https://example.com/a.yml", ())
    assert not isinstance(refusal, bytes)
    assert (refusal.reason, "PIPEYARD_INCLUDE_PREFIXES" in refusal.detail) == ("not_allowed", True)
    assert "PIPEYARD_INCLUDE_PREFIXES" in errors(compiled(including("https://example.com/a.yml")))
    assert "PIPEYARD_INCLUDE_TEMPLATES" in errors(compiled(including("{template: Auto.gitlab-ci.yml}")))


def answering(monkeypatch: pytest.MonkeyPatch, status: int, content: bytes) -> None:
    def stream(method: str, url: str, **options: Any) -> Any:
        assert options["follow_redirects"] is False
        client = httpx.Client(
            transport=httpx.MockTransport(lambda request: httpx.Response(status, content=content))
        )
        return client.stream(method, url)

    monkeypatch.setattr(httpx, "stream", stream)


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (200, b"theirs: {script: x}", ""),
        (404, b"", "the server answers 404"),
        (302, b"", "the server answers 302"),
        (200, b"#" * (5 * 1024 * 1024), "the file has more than 4194304 bytes"),
    ],
)
def test_remote_files(
    settings: Any, monkeypatch: pytest.MonkeyPatch, status: int, content: bytes, words: str
) -> None:
    settings.PIPEYARD_INCLUDE_PREFIXES = ["https://ci.example.com/shared"]
    settings.PIPEYARD_INCLUDE_TEMPLATES = "https://ci.example.com/shared/templates/"
    answering(monkeypatch, status, content)
    for entry in ("'https://ci.example.com/shared/a.yml'", "{template: A.gitlab-ci.yml}"):
        found = compiled(including(entry))
        if words:
            assert words in errors(found)
        else:
            assert names(found) == ["theirs", "ours"]


def test_a_remote_file_is_as_old_as_its_include_lets_it_be(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PIPEYARD_INCLUDE_PREFIXES = ["https://ci.example.com/"]
    now = clock.now()
    for hours, (content, cache, expected) in enumerate(
        (
            (b"first: {script: x}", "1 day", "first"),
            (b"second: {script: x}", "2 hours", "first"),
            (b"second: {script: x}", "1 minute", "second"),
            (b"third: {script: x}", "false", "third"),
        )
    ):
        monkeypatch.setattr(clock, "now", partial(now.__add__, timedelta(hours=hours)))
        answering(monkeypatch, 200, content)
        found = compiled(including(f"{{remote: 'https://ci.example.com/a.yml', cache: {cache}}}"))
        assert names(found) == [expected, "ours"], cache
    settings.PIPEYARD_INCLUDE_PREFIXES = []
    refused = compiled(including("{remote: 'https://ci.example.com/a.yml', cache: 20 days}"))
    assert "PIPEYARD_INCLUDE_PREFIXES" in errors(refused)


def test_the_integrity_of_a_kept_file_is_checked_each_time(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PIPEYARD_INCLUDE_PREFIXES = ["https://ci.example.com/"]
    answering(monkeypatch, 200, b"theirs: {script: x}")
    entry = "{remote: 'https://ci.example.com/b.yml', cache: true"
    assert names(compiled(including(entry + "}"))) == ["theirs", "ours"]
    assert "not the one of integrity" in errors(compiled(including(entry + ", integrity: sha256-AAAA}")))


def test_a_server_that_fails_is_named(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PIPEYARD_INCLUDE_PREFIXES = ["https://ci.example.com/"]

    def stream(*args: Any, **options: Any) -> Any:
        raise httpx.ConnectError("no")

    monkeypatch.setattr(httpx, "stream", stream)
    assert "it cannot be fetched (ConnectError)" in errors(
        compiled(including("https://ci.example.com/a.yml"))
    )


RULES = """
keep: {script: x}
docs: {script: x, rules: [{changes: ["docs/**/*"]}]}
code: {script: x, rules: [{changes: {paths: ["*.c"], compare_to: main}}]}
make: {script: x, rules: [{exists: [Makefile]}]}
none: {script: x, rules: [{exists: ["**/*.none"]}]}
"""


def changing() -> tuple[Project, str, str]:
    """A project with a branch that changed docs in its last commit, and code in the one before."""
    project: Project = ProjectFactory(files={".gitlab-ci.yml": RULES, "Makefile": ""})
    repository = open_repository(project)._git
    first = repository.references["refs/heads/main"].target
    repository.references.create("refs/heads/topic", first)
    base = {".gitlab-ci.yml": RULES, "Makefile": ""}
    second = commit_files(repository, {**base, "x.c": "1"}, branch="topic")
    commit_files(repository, {**base, "x.c": "1", "docs/a.md": "1"}, branch="topic")
    return project, str(first), second


def test_changes_are_those_of_the_push() -> None:
    # docs.gitlab.com/ci/yaml/#ruleschanges
    project, first, second = changing()
    assert names(compiled(project, ref="topic")) == ["keep", "docs", "code", "make"]
    assert names(compiled(project, ref="topic", before_sha=second)) == ["keep", "docs", "code", "make"]
    repository = open_repository(project)
    assert repository.changed(first, repository.resolve("topic").sha) == ["docs/a.md", "x.c"]
    commit_files(repository._git, {".gitlab-ci.yml": RULES, "Makefile": "", "x.c": "2"}, branch="topic")
    tip = repository.resolve("topic")
    commit_files(repository._git, {".gitlab-ci.yml": RULES, "Makefile": "", "x.c": "3"}, branch="topic")
    assert names(compiled(project, ref="topic", before_sha=tip.sha)) == ["keep", "code", "make"]


@pytest.mark.parametrize(
    "situation",
    [
        {"before_sha": NO_COMMIT},
        {"before_sha": "f" * 40},
        {"source": PipelineSource.WEB},
        {"source": PipelineSource.SCHEDULE},
        {"source": PipelineSource.API},
    ],
)
def test_without_a_push_changes_are_true(situation: dict[str, Any]) -> None:
    project, _, _ = changing()
    assert "docs" in names(compiled(project, **situation))


def test_a_tag_has_no_push_to_compare() -> None:
    project, _, _ = changing()
    repository = open_repository(project)._git
    repository.references.create("refs/tags/v1", repository.references["refs/heads/main"].target)
    found = compiled(project, ref="v1")
    assert "docs" in names(found)
    assert found.before_sha == NO_COMMIT


def test_compare_to_a_ref_that_is_not_there() -> None:
    project: Project = ProjectFactory(
        files={".gitlab-ci.yml": "a: {script: x, rules: [{changes: {paths: [a], compare_to: nope}}]}"}
    )
    assert "rules:changes cannot look at 'nope': it is no branch, tag or commit" in errors(compiled(project))


def test_secrets_stay_out_of_the_account() -> None:
    rules = "[{if: '$TOKEN == \"x\"'}, {exists: ['$TOKEN']}, {when: always}]"
    project: Project = ProjectFactory(files={".gitlab-ci.yml": f"a: {{script: x, rules: {rules}}}"})
    ProjectVariable.objects.create(project=project, key="TOKEN", value="hunter2", masked=True)
    found = compiled(project)
    assert names(found) == ["a"]
    assert "hunter2" not in str(found.result)


# Source: docs.gitlab.com/ci/variables/where_variables_can_be_used/#variables-with-an-environment-scope
@pytest.mark.parametrize(
    ("scope", "keywords", "given", "runs"),
    [
        ("review/*", "environment: review/$CI_JOB_STAGE/deploy", None, True),
        ("review/test/deploy", "environment: review/$CI_JOB_STAGE/deploy", None, True),
        ("review", "environment: review/one", None, False),
        ("review?one", "environment: review/one", None, False),
        ("[a-z]*", "environment: review/one", None, False),
        ("*/one", "environment: review/one", None, True),
        ("*", "environment: review/one", None, True),
        ("review/*", "environment: {name: review/one, action: stop}", None, True),
        ("review/*", "environment: production", None, False),
        ("review/*", "variables: {CI_ENVIRONMENT_NAME: review/one}", None, False),
        ("review/*", "variables: {SECRET: something}, environment: production", None, True),
        ("review/*", "variables: {SECRET: other}, environment: review/one", None, True),
        ("review/*", "environment: review/one", "given", False),
    ],
)
def test_rules_see_the_variables_of_the_jobs_environment(
    scope: str, keywords: str, given: str | None, runs: bool
) -> None:
    rules = "[{if: '$SECRET == \"something\"'}]"
    text = f"always: {{script: x}}\na: {{script: x, {keywords}, rules: {rules}}}"
    project: Project = ProjectFactory(files={".gitlab-ci.yml": text})
    ProjectVariable.objects.create(project=project, key="SECRET", value="something", environment_scope=scope)
    variables = [] if given is None else [GivenVariable("SECRET", given)]
    assert names(compiled(project, variables=variables)) == (["always", "a"] if runs else ["always"])


def test_copies_in_several_environments_are_decided_on_one_by_one() -> None:
    text = """a:
  {script: x, parallel: 2, environment: e/$CI_NODE_INDEX, rules: [{if: $SECRET}]}"""
    project: Project = ProjectFactory(files={".gitlab-ci.yml": text})
    ProjectVariable.objects.create(project=project, key="SECRET", value="x", environment_scope="e/2")
    assert names(compiled(project)) == ["a 2/2"]


def test_variables_of_an_environment_come_in_the_order_that_jobs_get_them_in() -> None:
    text = "a: {script: x, environment: {name: review/one, url: 'https://$A.$B.$C.test'}}"
    group = create_group("shop", acting_user=UserFactory())
    project: Project = ProjectFactory(full_path="shop/site", files={".gitlab-ci.yml": text}, group=group)
    for key, scope, value in (
        ("A", "review/*", "narrow"),
        ("A", "*", "wide"),
        ("C", "*", "$CI_COMMIT_BRANCH"),
    ):
        ProjectVariable.objects.create(project=project, key=key, value=value, environment_scope=scope)
    raw = {"environment_scope": "review/*", "raw": True, "masked": True}
    ProjectVariable.objects.create(project=project, key="C", value="$CI_COMMIT_BRANCH", **raw)
    GroupVariable.objects.create(group=group, key="B", value="group", environment_scope="review/one")
    ProjectVariable.objects.create(project=project, key="B", value="own")
    plan = compiled(project).result.pipeline
    assert plan is not None
    environment = plan.jobs[0].environment
    assert environment is not None
    assert environment.url == "https://narrow.own.$CI_COMMIT_BRANCH.test"


def test_secrets_of_an_environment_stay_out_of_the_account() -> None:
    rules = "[{if: '$TOKEN == \"x\"'}, {exists: ['$TOKEN']}, {when: always}]"
    text = f"a: {{script: x, environment: qa, rules: {rules}, tags: [$TOKEN]}}"
    project: Project = ProjectFactory(files={".gitlab-ci.yml": text})
    ProjectVariable.objects.create(
        project=project, key="TOKEN", value="hunter2", masked=True, environment_scope="qa"
    )
    found = compiled(project)
    assert names(found) == ["a"]
    assert "hunter2" not in str(found.result.explanation)


def cache_keys(key: str, *versions: dict[str, str]) -> list[str]:
    """The key of a cache at each of these commits, one upon the other."""
    text = f"a: {{script: x, cache: {{key: {key}, paths: [v/]}}}}"
    project: Project = ProjectFactory(files={".gitlab-ci.yml": text})
    keys = []
    for files in versions:
        commit_files(open_repository(project)._git, {".gitlab-ci.yml": text, **files})
        plan = compiled(project).result.pipeline
        assert plan is not None
        keys.append(plan.jobs[0].definition()["cache"][0]["key"])
    return keys


ONE, TWO = {"lock": "1", "web/a.lock": "w"}, {"lock": "2", "web/a.lock": "w"}


def test_caches_by_files_get_a_key_that_follows_their_content() -> None:
    # docs.gitlab.com/ci/yaml/#cachekeyfiles
    keys = cache_keys("{files: [lock]}", ONE, TWO, ONE, {"other": "1"})
    assert keys[0] == keys[2] != keys[1]
    assert re.fullmatch("0_lock-[0-9a-f]{40}", keys[0])
    assert keys[3] == "0_lock-default"
    assert cache_keys("{files: [/lock, gone]}", ONE)[0][-40:] == keys[0][-40:]


def test_patterns_stand_for_the_files_that_match_them() -> None:
    # docs.gitlab.com/ci/yaml/#cachekeyfiles
    (deep,) = cache_keys("{files: ['**/*.lock'], prefix: p}", ONE)
    assert [deep] == cache_keys("{files: [web/a.lock], prefix: p}", ONE)
    assert cache_keys("{files: ['*.lock'], prefix: p}", ONE) == ["p-default"]
    both = cache_keys("{files: ['**/*.lock', lock], prefix: p}", ONE, {**ONE, "web/b.lock": "v"})
    assert len({deep, *both}) == 3


def test_caches_by_commits_get_a_key_that_follows_history() -> None:
    # docs.gitlab.com/ci/yaml/#cachekeyfiles_commits
    keys = cache_keys(
        "{files_commits: [lock], prefix: p}", ONE, {**ONE, "other": "1"}, TWO, ONE, {"other": "1"}
    )
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4, "the same content from another commit is another key"
    assert keys[4] == "p-default"


def test_history_that_is_too_long_is_not_walked_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_core.repositories.reading.MOST_STEPS", 1)
    versions = [{**ONE, "other": str(n)} for n in range(4)]
    first, second, third, fourth = cache_keys("{files_commits: [lock], prefix: p}", *versions)
    assert first == second != third == fourth == cache_keys("{files: [lock], prefix: p}", ONE)[0]


def test_inputs_reach_the_main_file() -> None:
    text = "spec: {inputs: {name: {default: a}}}\n---\njob-$[[ inputs.name ]]: {script: x}"
    project: Project = ProjectFactory(files={".gitlab-ci.yml": text})
    assert names(compiled(project)) == ["job-a"]
    pipeline = create_pipeline(project, "main", PipelineSource.WEB, acting_user=None, inputs={"name": "b"})
    assert Job.objects.in_pipeline(pipeline.pk).get().name == "job-b"


def test_other_content_may_be_tried() -> None:
    project: Project = ProjectFactory(files={"a.yml": "a: {script: x}"})
    with pytest.raises(ConfigMissing):
        compiled(project)
    found = compile_project(
        project, Situation("main", PipelineSource.WEB), acting_user=None, content="include: a.yml"
    )
    assert names(found) == ["a"]


def seen(project: Project, user: User | None = None, **situation: Any) -> dict[str, str]:
    return compiled(project, user, **situation).variables.values


def test_predefined_variables_by_kind_of_pipeline() -> None:
    # docs.gitlab.com/ci/variables/predefined_variables/
    project: Project = ProjectFactory(files={".gitlab-ci.yml": "a: {script: x}"})
    git = open_repository(project)._git
    tip = git.references["refs/heads/main"].target
    git.references.create("refs/tags/light", tip)
    git.create_tag("v1", tip, pygit2.enums.ObjectType.COMMIT, AUTHOR, "The first\n")
    user = UserFactory()
    branch = seen(project, user)
    assert (branch["CI_COMMIT_BRANCH"], branch["CI_PIPELINE_SOURCE"]) == ("main", "push")
    assert branch["GITLAB_USER_LOGIN"] == user.username
    assert not {"CI_COMMIT_TAG", "CI_PIPELINE_TRIGGERED", "CI_PIPELINE_SCHEDULE_DESCRIPTION"} & branch.keys()
    job_only = {"CI_PIPELINE_ID", "CI_PIPELINE_CREATED_AT", "CI_JOB_ID", "CI_RUNNER_ID", "CI_JOB_TOKEN"}
    assert not job_only & branch.keys()
    path = project.full_path
    assert branch["CI_CONFIG_REF_URI"].endswith(f"/{path}//.gitlab-ci.yml@refs/heads/main")
    assert branch["CI_DEFAULT_BRANCH_SLUG"] == "main"
    assert (branch["CI_PROJECT_NAMESPACE_SLUG"], branch["CI_PROJECT_ROOT_NAMESPACE_SLUG"]) == (
        "group",
        "group",
    )
    assert (branch["CI_COMMIT_MESSAGE_IS_TRUNCATED"], branch["CI_COMMIT_USER_LOGIN"]) == ("false", "")
    tag = seen(project, ref="v1")
    assert (tag["CI_COMMIT_TAG"], tag["CI_COMMIT_TAG_MESSAGE"]) == ("v1", "The first")
    again = open_repository(project).commit(tag["CI_COMMIT_SHA"], "v1", True)
    assert again is not None
    assert again.tag_message == "The first"
    assert "CI_COMMIT_BRANCH" not in tag
    assert seen(project, ref="light")["CI_COMMIT_TAG_MESSAGE"] == ""
    nightly = seen(project, source=PipelineSource.SCHEDULE, schedule="nightly")
    assert nightly["CI_PIPELINE_SCHEDULE_DESCRIPTION"] == "nightly"
    assert nightly["CI_COMMIT_BEFORE_SHA"] == NO_COMMIT
    assert seen(project, source=PipelineSource.TRIGGER)["CI_PIPELINE_TRIGGERED"] == "true"
    assert tag["CI_CONFIG_REF_URI"].endswith("@refs/tags/v1")


def test_long_messages_of_commits_are_cut() -> None:
    # docs.gitlab.com/ci/variables/predefined_variables/: CI_COMMIT_MESSAGE_IS_TRUNCATED
    project: Project = ProjectFactory()
    files = {".gitlab-ci.yml": "a: {script: x}"}
    commit_files(open_repository(project)._git, files, message="title\n\n" + "\N{SNOWMAN}" * 40_000)
    found = seen(project)
    assert (found["CI_COMMIT_MESSAGE_IS_TRUNCATED"], found["CI_COMMIT_TITLE"]) == ("true", "title")
    assert 99_990 < len(found["CI_COMMIT_MESSAGE"].encode()) <= 100_000
    assert 99_990 < len(found["CI_COMMIT_DESCRIPTION"].encode()) <= 100_000


@pytest.mark.parametrize(
    ("condition", "source", "early"),
    [
        # docs.gitlab.com/ci/variables/predefined_variables/: the phases pre-pipeline and pipeline
        ('$CI_PIPELINE_SOURCE == "trigger"', PipelineSource.TRIGGER, True),
        ('$CI_PROJECT_NAMESPACE_SLUG == "group"', PipelineSource.PUSH, True),
        ("$CI_PIPELINE_TRIGGERED", PipelineSource.TRIGGER, False),
        ("$CI_PIPELINE_IID", PipelineSource.PUSH, False),
        ("$CI_CONFIG_REF_URI", PipelineSource.PUSH, False),
        ("$GITLAB_USER_LOGIN", PipelineSource.PUSH, False),
    ],
)
def test_includes_know_only_what_is_known_before_the_pipeline(
    condition: str, source: PipelineSource, early: bool
) -> None:
    rules = f"rules: [{{if: '{condition}'}}]"
    text = f"include: [{{local: b.yml, {rules}}}]\na: {{script: x, {rules}}}"
    project: Project = ProjectFactory(files={".gitlab-ci.yml": text, "b.yml": "b: {script: x}"})
    assert sorted(names(compiled(project, UserFactory(), source=source))) == (["a", "b"] if early else ["a"])


@pytest.mark.parametrize(
    ("given", "stored", "job", "top", "winner"),
    [
        ("given", "stored", "job", "top", "given"),
        (None, "stored", "job", "top", "stored"),
        (None, None, "job", "top", "job"),
        (None, None, None, "top", "top"),
        (None, None, None, None, "predefined"),
    ],
)
def test_the_stronger_source_wins(
    given: str | None, stored: str | None, job: str | None, top: str | None, winner: str
) -> None:
    # docs.gitlab.com/ci/variables/#cicd-variable-precedence; CI_SERVER_NAME stands for a predefined variable
    def block(value: str | None) -> str:
        return "{}" if value is None else f"{{CI_SERVER_NAME: {value}}}"

    rules = f"[{{if: '$CI_SERVER_NAME == \"{winner.replace('predefined', 'Pipeyard')}\"'}}]"
    text = f"variables: {block(top)}\na: {{script: x, variables: {block(job)}, rules: {rules}}}"
    project: Project = ProjectFactory(files={".gitlab-ci.yml": text})
    if stored is not None:
        ProjectVariable.objects.create(project=project, key="CI_SERVER_NAME", value=stored)
    variables = [] if given is None else [GivenVariable("CI_SERVER_NAME", given)]
    assert names(compiled(project, variables=variables)) == ["a"]


def test_raw_project_variables_are_not_expanded() -> None:
    text = "a: {script: x, environment: 'e/$PLAIN-$RAW'}"
    project: Project = ProjectFactory(files={".gitlab-ci.yml": text})
    ProjectVariable.objects.create(project=project, key="PLAIN", value="p$CI_COMMIT_BRANCH")
    ProjectVariable.objects.create(project=project, key="RAW", value="r$CI_COMMIT_BRANCH", raw=True)
    plan = compiled(project).result.pipeline
    assert plan is not None
    environment = plan.jobs[0].environment
    assert environment is not None
    assert environment.name == "e/pmain-r$CI_COMMIT_BRANCH"


def test_the_name_of_the_pipeline_is_known_to_its_rules() -> None:
    text = "workflow: {name: 'For $CI_COMMIT_BRANCH'}\n"
    text += "a: {script: x, rules: [{if: '$CI_PIPELINE_NAME == \"For main\"'}]}"
    assert names(compiled(ProjectFactory(files={".gitlab-ci.yml": text}))) == ["a"]


def on_branches() -> Project:
    """A project with the branch `topic`, one commit ahead of main, which is one commit ahead of where they parted."""
    config = "\n".join(
        (
            "request: {script: x, rules: [{if: $CI_MERGE_REQUEST_IID}]}",
            "branch: {script: x, rules: [{if: $CI_COMMIT_BRANCH}]}",
            "old: {script: x, only: [merge_requests]}",
            "touched: {script: x, rules: [{if: $CI_MERGE_REQUEST_IID, changes: [topic.txt]}]}",
            "untouched: {script: x, rules: [{if: $CI_MERGE_REQUEST_IID, changes: [main.txt]}]}",
        )
    )
    project: Project = ProjectFactory(files={".gitlab-ci.yml": config})
    git = open_repository(project)._git
    git.references.create("refs/heads/topic", git.references["refs/heads/main"].target)
    commit_files(git, {".gitlab-ci.yml": config, "main.txt": ""})
    commit_files(git, {".gitlab-ci.yml": config, "topic.txt": ""}, branch="topic")
    return project


def test_a_merge_request_pipeline_is_told_of_its_merge_request_and_of_what_that_changes() -> None:
    project = on_branches()
    asked = AskedMergeRequest("main", 7, title="Draft: it", description="d" * 2701, labels=("bug", "ci"))
    found = compiled(project, ref="topic", merge_request=asked)
    assert names(found) == ["request", "old", "touched"]
    seen = found.variables.values
    repository = open_repository(project)
    main, topic = repository.resolve("main").sha, repository.resolve("topic").sha
    expected = {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_COMMIT_REF_NAME": "topic",
        "CI_COMMIT_BEFORE_SHA": NO_COMMIT,
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_REF_PATH": "refs/merge-requests/7/head",
        "CI_MERGE_REQUEST_EVENT_TYPE": "detached",
        "CI_MERGE_REQUEST_TITLE": "Draft: it",
        "CI_MERGE_REQUEST_DESCRIPTION": "d" * 2700,
        "CI_MERGE_REQUEST_DESCRIPTION_IS_TRUNCATED": "true",
        "CI_MERGE_REQUEST_LABELS": "bug,ci",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "topic",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_MERGE_REQUEST_TARGET_BRANCH_PROTECTED": "true",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_PROTECTED": "false",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": repository.merge_base(main, topic),
        "CI_OPEN_MERGE_REQUESTS": f"{project.full_path}!7",
    }
    assert {key: seen.get(key) for key in expected} == expected
    missing = ("CI_COMMIT_BRANCH", "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_MERGE_REQUEST_MILESTONE")
    assert not [key for key in missing if key in seen]
    train = AskedMergeRequest("main", event=MergeRequestEvent.MERGE_TRAIN)
    seen = compiled(project, ref="topic", merge_request=train).variables.values
    assert seen["CI_MERGE_REQUEST_REF_PATH"] == "refs/merge-requests/1/train"
    assert (seen["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"], seen["CI_MERGE_REQUEST_TARGET_BRANCH_SHA"]) == (
        topic,
        main,
    )


@pytest.mark.parametrize(
    ("name", "included", "decided"),
    [
        ("CI_SERVER_VERSION_MAJOR", True, True),
        ("CI_PIPELINE_SOURCE", True, True),
        ("CI_PIPELINE_IID", False, True),
        ("GITLAB_USER_LOGIN", False, True),
        ("CI_SERVER", False, False),
        ("CI_PIPELINE_ID", False, False),
        ("CI_JOB_ID", False, False),
    ],
)
def test_predefined_variables_are_known_in_their_phase(name: str, included: bool, decided: bool) -> None:
    """https://docs.gitlab.com/ci/variables/predefined_variables/#variable-availability"""
    config = (
        f"include: {{local: a.yml, rules: [{{if: ${name}}}]}}\n"
        f"decided: {{script: x, rules: [{{if: ${name}}}]}}\nalways: {{script: x}}\n"
    )
    project = ProjectFactory(files={".gitlab-ci.yml": config, "a.yml": "included: {script: x}"})
    found = names(compiled(project, UserFactory()))
    assert ("included" in found, "decided" in found) == (included, decided)


def test_the_iid_that_rules_see_is_the_one_that_the_pipeline_gets() -> None:
    project = ProjectFactory(
        files={
            ".gitlab-ci.yml": "a: {script: x, environment: {name: review/$CI_PIPELINE_IID}}\n"
            "b: {script: x, rules: [{if: $CI_PIPELINE_IID == '2'}]}\n"
        }
    )
    situation = Situation("main", PipelineSource.PUSH)
    expected = compile_runnable(project, situation, acting_user=None)
    create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    with transaction.atomic():
        second = store_pipeline(project, expected, situation, acting_user=None)
    jobs = Job.objects.in_pipeline(second.pk).in_order().values_list("name", "environment_name")
    assert (second.iid, list(jobs)) == (2, [("a", "review/2"), ("b", "")])
