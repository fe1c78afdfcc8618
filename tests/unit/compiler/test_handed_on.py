"""Owns the tests of keywords that the compiler checks and hands on: release, pages, id_tokens, secrets and others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ci_core.compiler import CompiledPipeline

Plan = Callable[..., CompiledPipeline]
Errors = Callable[..., list[str]]


def definition(plan: Plan, keywords: str, **options: Any) -> dict[str, Any]:
    return plan(f"a: {{script: x, {keywords}}}", **options).jobs[0].definition()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # docs.gitlab.com/ci/yaml/#id_tokens
        ("{T: {aud: https://vault.example.com}}", {"T": {"aud": ["https://vault.example.com"]}}),
        (
            "{T: {aud: [https://gcp.com, https://aws.com]}}",
            {"T": {"aud": ["https://gcp.com", "https://aws.com"]}},
        ),
    ],
)
def test_id_tokens(plan: Plan, text: str, expected: dict[str, Any]) -> None:
    assert definition(plan, f"id_tokens: {text}")["id_tokens"] == expected
    default = plan(f"default: {{id_tokens: {text}}}\na: {{script: x}}").jobs[0]
    assert default.definition()["id_tokens"] == expected


ENGINE = {"name": "kv-v2", "path": "ops"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # docs.gitlab.com/ci/yaml/#secretsvault
        (
            "{vault: {engine: {name: kv-v2, path: ops}, path: production/db, field: password}}",
            {"vault": {"engine": ENGINE, "path": "production/db", "field": "password"}, "file": True},
        ),
        (
            "{vault: production/db/password@ops, file: false, token: $VAULT_TOKEN}",
            {
                "vault": {"engine": ENGINE, "path": "production/db", "field": "password"},
                "file": False,
                "token": "$VAULT_TOKEN",
            },
        ),
        (
            "{vault: production/db/password}",
            {
                "vault": {
                    "engine": {"name": "kv-v2", "path": "kv-v2"},
                    "path": "production/db",
                    "field": "password",
                },
                "file": True,
            },
        ),
        # docs.gitlab.com/ci/yaml/#secretsgcp_secret_manager, #secretsazure_key_vault
        (
            "{gcp_secret_manager: {name: test, version: 2}, token: $T}",
            {"gcp_secret_manager": {"name": "test", "version": "2"}, "file": True, "token": "$T"},
        ),
        (
            "{azure_key_vault: {name: test, version: test}}",
            {"azure_key_vault": {"name": "test", "version": "test"}, "file": True},
        ),
        (
            "{aws_secrets_manager: 'app/db#password'}",
            {"aws_secrets_manager": {"secret_id": "app/db", "field": "password"}, "file": True},
        ),
    ],
)
def test_secrets(plan: Plan, text: str, expected: dict[str, Any]) -> None:
    assert definition(plan, f"secrets: {{DB: {text}}}")["secrets"] == {"DB": expected}


def test_release(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/#release
    text = """
        a:
          script: x
          release:
            tag_name: $CI_COMMIT_TAG
            name: 'Release $CI_COMMIT_TAG'
            description: 'Release created using the CLI.'
            milestones: m1
            released_at: '2021-03-15T08:00:00Z'
            assets:
              links:
                - {name: asset1, url: 'https://example.com/assets/1'}
                - {name: asset2, url: 'https://example.com/assets/2', filepath: /pretty, link_type: other}
    """
    assert plan(text).jobs[0].definition()["release"] == {
        "tag_name": "$CI_COMMIT_TAG",
        "name": "Release $CI_COMMIT_TAG",
        "description": "Release created using the CLI.",
        "milestones": ["m1"],
        "released_at": "2021-03-15T08:00:00Z",
        "assets": {
            "links": [
                {"name": "asset1", "url": "https://example.com/assets/1"},
                {
                    "name": "asset2",
                    "url": "https://example.com/assets/2",
                    "filepath": "/pretty",
                    "link_type": "other",
                },
            ]
        },
    }


@pytest.mark.parametrize(
    ("text", "pages", "paths"),
    [
        # docs.gitlab.com/ci/yaml/#pages
        ("a: {script: x, pages: true}", {"publish": "public"}, [["public"]]),
        ("a: {script: x, pages: false}", None, []),
        ("pages: {script: x}", {"publish": "public"}, [["public"]]),
        ("pages: {script: x, pages: false}", None, []),
        (
            "a: {script: x, pages: {publish: dist, expire_in: 1 week}}",
            {"publish": "dist", "expire_in": "1 week"},
            [["dist"]],
        ),
        (
            "a: {script: x, pages: {path_prefix: $CI_COMMIT_BRANCH}, artifacts: {paths: [a]}}",
            {"publish": "public", "path_prefix": "$CI_COMMIT_BRANCH"},
            [["a", "public"]],
        ),
        ("pages: {script: x, artifacts: {paths: [public]}}", {"publish": "public"}, [["public"]]),
        ("pages: {script: x, publish: dist}", {"publish": "dist"}, [["dist"]]),
        (
            "a: {script: x, pages: true, artifacts: {reports: {junit: r.xml}}}",
            {"publish": "public"},
            [["public"], ["r.xml"]],
        ),
    ],
)
def test_pages(plan: Plan, text: str, pages: dict[str, Any] | None, paths: list[list[str]]) -> None:
    found = plan(text).jobs[0].definition()
    assert found.get("pages") == pages
    assert [entry["paths"] for entry in found["artifacts"]] == paths


def test_kubernetes_tiers_and_dast(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/#environmentkubernetes, #environmentdeployment_tier, #dast_configuration
    pipeline = plan(
        """
        a:
          script: x
          dast_configuration: {site_profile: Example Co, scanner_profile: Quick}
          environment:
            name: production
            deployment_tier: $TIER
            kubernetes: {agent: 'p:agent', dashboard: {namespace: n}, managed_resources: {enabled: false}}
        """,
        TIER="staging",
    )
    environment = pipeline.jobs[0].environment
    assert environment is not None
    assert environment.deployment_tier == "staging"
    assert environment.kubernetes == {
        "agent": "p:agent",
        "dashboard": {"namespace": "n"},
        "managed_resources": {"enabled": False},
    }
    assert pipeline.jobs[0].definition()["dast_configuration"]["scanner_profile"] == "Quick"


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ("id_tokens: {T: {}}", "id_tokens needs aud"),
        ("id_tokens: []", "id_tokens must be a map of names"),
        ("id_tokens: {'a-b': {aud: x}}", "'a-b' cannot be the name of a variable"),
        ("secrets: {S: {}}", "A secret needs one of vault"),
        ("secrets: {S: {vault: x}}", "secrets:vault must be written path/field"),
        ("secrets: {S: {vault: {path: a, field: b}}}", "secrets:vault needs engine."),
        ("secrets: {S: {vault: {engine: {name: kv-v9, path: p}, path: a, field: b}}}", "engine:name must be"),
        ("secrets: {S: {gcp_secret_manager: {version: 1}}}", "secrets:gcp_secret_manager needs name."),
        ("secrets: {S: {vault: a/b, file: 1}}", "secrets:file must be true or false"),
        ("release: {tag_name: v}", "release needs description."),
        ("release: {tag_name: v, description: d, bogus: 1}", "unknown keys: bogus"),
        ("release: {tag_name: v, description: d, assets: {links: [{name: a}]}}", "needs name and url"),
        ("publish: dist", "publish works in jobs with pages only."),
        ("pages: false, publish: dist", "publish works in jobs with pages only."),
        ("pages: maybe", "pages must be a map"),
        ("pages: {expire_in: soon}", "pages:expire_in must be a duration"),
        ("environment: {name: a, kubernetes: {bogus: 1}}", "unknown keys: bogus"),
        ("environment: {name: a, deployment_tier: $NONE}", "environment:deployment_tier comes to ''"),
        ("cache: {key: {files: [a], files_commits: [b]}}", "cache:key needs files or files_commits"),
        ("dast_configuration: {bogus: 1}", "unknown keys: bogus"),
    ],
)
def test_wrong(errors: Errors, keywords: str, message: str) -> None:
    assert message in " ".join(errors(f"a: {{script: x, {keywords}}}"))
