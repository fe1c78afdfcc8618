"""Owns the tests of trigger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ci_core.compiler import CompiledPipeline, CompiledTrigger

Plan = Callable[..., CompiledPipeline]
Errors = Callable[..., list[str]]
CHILD = {"include": ({"local": "child.yml"},)}


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        # docs.gitlab.com/ci/yaml/#trigger
        ("my-group/my-project", {"project": "my-group/my-project"}),
        ("$GROUP/p", {"project": "g/p"}),
        ("{project: g/p, branch: $CI_COMMIT_BRANCH}", {"project": "g/p", "branch": "main"}),
        ("{include: child.yml}", CHILD),
        ("{include: [child.yml]}", CHILD),
        ("{include: [{local: child.yml}], strategy: mirror}", CHILD | {"strategy": "mirror"}),
        ("{include: child.yml, strategy: depend}", CHILD | {"strategy": "depend"}),
        (
            "{include: {artifact: generated.yml, job: generate}}",
            {"include": ({"artifact": "generated.yml", "job": "generate"},)},
        ),
        (
            "{include: {project: g/p, ref: main, file: a.yml}}",
            {"include": ({"project": "g/p", "file": "a.yml", "ref": "main"},)},
        ),
        ("{include: {template: A.yml}}", {"include": ({"template": "A.yml"},)}),
        (
            "{include: {local: child.yml, inputs: {x: 1}}}",
            {"include": ({"local": "child.yml", "inputs": {"x": 1}},)},
        ),
        ("{project: g/p, inputs: {website: My}}", {"project": "g/p", "inputs": {"website": "My"}}),
        (
            "{include: child.yml, forward: {yaml_variables: false, pipeline_variables: true}}",
            CHILD | {"forward_yaml_variables": False, "forward_pipeline_variables": True},
        ),
    ],
)
def test_trigger(plan: Plan, trigger: str, expected: dict[str, Any]) -> None:
    text = f"default: {{image: x, tags: [t]}}\na: {{trigger: {trigger}}}\ngenerate: {{script: x}}"
    job = plan(text, GROUP="g").jobs[0]
    assert job.trigger == CompiledTrigger(**expected)
    assert (job.tags, job.definition()["image"], job.definition()["script"]) == ((), None, [])


def test_what_goes_together_with_trigger(plan: Plan) -> None:
    pipeline = plan("""
        .base: {variables: {A: "1"}}
        build: {script: x}
        a:
          extends: .base
          trigger: g/p
          stage: deploy
          needs: [build]
          when: manual
          allow_failure: false
          parallel: {matrix: [{B: [1, 2]}]}
          environment: staging
          resource_group: one
          inherit: {variables: false}
        b: {trigger: g/p, rules: [{when: always}]}
        c: {trigger: g/p, only: [branches]}
    """)
    assert [job.name for job in pipeline.jobs if job.trigger] == ["b", "c", "a: [1]", "a: [2]"]


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ("trigger: {}", "trigger needs project or include, and not both."),
        ("trigger: {project: a, include: b}", "trigger needs project or include, and not both."),
        ("trigger: []", "trigger must be a map"),
        ("trigger: {include: []}", "trigger:include must have 1 to 3 entries, not 0."),
        ("trigger: {include: [a, b, c, d]}", "trigger:include must have 1 to 3 entries, not 4."),
        ("trigger: {include: {artifact: a}}", "trigger:include:artifact needs job."),
        (
            "trigger: {include: {project: a}}",
            "trigger:include:project needs file, a path or a list of paths.",
        ),
        ("trigger: {include: {local: a, remote: b}}", "needs one of"),
        ("trigger: {include: a, branch: b}", "trigger:branch goes with trigger:project only."),
        ("trigger: {project: a, strategy: wait}", "trigger:strategy must be 'mirror' or 'depend'"),
        ("trigger: {project: a, forward: {x: true}}", "trigger:forward config contains unknown keys: x"),
        ("trigger: {project: a, forward: {yaml_variables: 1}}", "must be true or false"),
        ("trigger: {project: a, bogus: 1}", "unknown keys: bogus"),
        ("trigger: a, script: x", "script does not go together with trigger."),
        ("trigger: a, image: x", "image does not go together with trigger."),
        ("trigger: a, when: delayed, start_in: 1 hour", "when: delayed does not go together with trigger."),
        (
            "trigger: a, needs: [{project: p, job: j, ref: r, artifacts: true}]",
            "Needs of other pipelines do not go together with trigger.",
        ),
    ],
)
def test_wrong(errors: Errors, job: str, message: str) -> None:
    assert message in " ".join(errors(f"a: {{{job}}}"))
