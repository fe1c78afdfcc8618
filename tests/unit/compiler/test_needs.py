"""Owns the tests of stages, needs, dependencies, parallel and on_stop."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ci_core.compiler import CompiledNeed, CompiledPipeline, CompileResult

Plan = Callable[..., CompiledPipeline]
Errors = Callable[..., list[str]]


def test_stages_and_the_order_of_jobs(plan: Plan) -> None:
    pipeline = plan("""
        stages: [one, two, empty]
        z: {stage: two, script: x}
        last: {stage: .post, script: x}
        y: {stage: one, script: x}
        first: {stage: .pre, script: x}
        a: {stage: one, script: x}
        .hidden: {anything: goes}
    """)
    assert pipeline.stages == (".pre", "one", "two", ".post")
    assert [job.name for job in pipeline.jobs] == ["first", "y", "a", "z", "last"]


def test_default_stages(plan: Plan) -> None:
    pipeline = plan("d: {stage: deploy, script: x}\nt: {script: x}\nb: {stage: build, script: x}")
    assert [(job.name, job.stage) for job in pipeline.jobs] == [
        ("b", "build"),
        ("t", "test"),
        ("d", "deploy"),
    ]


def test_needs(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/#needs
    pipeline = plan("""
        linux: {stage: build, script: x}
        mac: {stage: build, script: x}
        out: {stage: build, script: x, rules: [{when: never}]}
        lint: {script: x, needs: []}
        by-stage: {script: x}
        rspec:
          script: x
          needs:
            - linux
            - {job: mac, artifacts: false}
            - {job: out, optional: true}
            - {job: nowhere, optional: true}
            - {job: lint, optional: true}
    """)
    jobs = {job.name: job for job in pipeline.jobs}
    assert jobs["lint"].needs == ()
    assert jobs["by-stage"].needs is None
    assert jobs["rspec"].needs == (
        CompiledNeed("linux", False, True),
        CompiledNeed("mac", False, False),
        CompiledNeed("lint", True, True),
    )


def test_parallel(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/#parallel
    pipeline = plan("""
        test: {stage: build, script: x, parallel: 3}
        all: {script: x, needs: [test], dependencies: [test]}
        one: {script: x, needs: ["test 2/3"]}
    """)
    names = [job.name for job in pipeline.jobs]
    assert names == ["test 1/3", "test 2/3", "test 3/3", "all", "one"]
    second = pipeline.jobs[1]
    assert (second.parallel_index, second.parallel_total, second.base_name) == (2, 3, "test")
    assert second.definition()["variables"] == [
        {"key": "CI_NODE_INDEX", "value": "2", "raw": True},
        {"key": "CI_NODE_TOTAL", "value": "3", "raw": True},
    ]
    assert [need.name for need in pipeline.jobs[3].needs or ()] == names[:3]
    assert pipeline.jobs[3].definition()["dependencies"] == names[:3]
    assert [need.name for need in pipeline.jobs[4].needs or ()] == ["test 2/3"]


def test_dependencies_in_the_same_stage_are_taken_with_a_warning(run: Callable[..., CompileResult]) -> None:
    result = run("a: {script: x}\nb: {script: x, dependencies: [a]}")
    assert result.pipeline is not None
    assert result.pipeline.jobs[1].definition()["dependencies"] == ["a"]
    assert [warning.message for warning in result.warnings] == [
        "dependencies names 'a', which is in the same stage, so its artifacts are not fetched. Use needs."
    ]


def test_dependencies_of_a_job_that_needs_nothing_are_taken_with_a_warning(
    run: Callable[..., CompileResult],
) -> None:
    # GitLab, lib/gitlab/ci/config/entry/job.rb: `next unless needs_value.present?`
    result = run("a: {stage: build, script: x}\nb: {script: x, needs: [], dependencies: [a]}")
    assert result.pipeline is not None
    assert [warning.message for warning in result.warnings] == [
        "dependencies names 'a', but the job needs no job, so it gets no artifacts. Add it to needs."
    ]


def test_artifacts_of_a_copy_and_of_an_earlier_job_for_a_trigger(plan: Plan) -> None:
    pipeline = plan("""
        a: {script: x}
        b: {script: x, parallel: 2}
        c: {trigger: {include: [{artifact: c.yml, job: a}, {artifact: d.yml, job: b 2/2}]}}
    """)
    assert pipeline.jobs[-1].name == "c"


def test_dependencies(plan: Plan) -> None:
    pipeline = plan("""
        a: {stage: build, script: x}
        b: {stage: build, script: x, rules: [{when: never}]}
        c: {script: x, dependencies: [a, b]}
        d: {script: x, dependencies: []}
    """)
    assert [job.definition()["dependencies"] for job in pipeline.jobs] == [None, ["a"], []]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("t: {script: x, needs: [biuld]}\nbuild: {stage: build, script: x}", "Did you mean 'build'?"),
        (
            "build: {stage: build, script: x, rules: [{if: $NO}]}\ntest: {script: x, needs: [build]}",
            "2 jobs:test:needs[0]: 'test' job needs 'build' job, but 'build' does not exist in the pipeline: "
            "none of its rules matches (line 1)",
        ),
        ("t: {script: x, needs: [d]}\nd: {stage: deploy, script: x}", "in the later stage 'deploy'"),
        ("a: {script: x, needs: [b]}\nb: {script: x, needs: [a]}", "circle: a -> b -> a"),
        ("a: {script: x, needs: [a]}", "circle: a -> a"),
        ("a: {script: x}\nb: {script: x, needs: [a, a]}", "needs 'a' twice"),
        ("a: {script: x, needs: b}", "needs must be a list of jobs"),
        ("a: {script: x, needs: [{artifacts: true}]}", "has no job"),
        ("a: {script: x, needs: [{job: b, option: true}]}\nb: {script: x}", "unknown keys: option"),
        ("a: {script: x, needs: [[]]}\nb: {script: x, needs: [3]}", "needs must be a map"),
        ("a: {stage: nope, script: x}", "The stage 'nope' does not exist"),
        ("stages: [build]\na: {script: x}", "has no stage, so it belongs to 'test'"),
        ("stages: build\na: {script: x}", "stages must be a list of names"),
        ("a: {script: x, dependencies: [b]}", "which is not a job"),
        ("a: {script: x, dependencies: [b]}\nb: {stage: deploy, script: x}", "in the later stage"),
        (
            "a: {stage: build, script: x}\nc: {script: x}\nb: {script: x, needs: [c], dependencies: [a]}",
            "not among the job's needs",
        ),
        (
            "a: {script: x}\nb: {script: x, needs: [{pipeline: $P, job: a}], dependencies: [a]}",
            "2 jobs:b:dependencies: dependencies needs jobs of this pipeline among the needs",
        ),
        ("a: {script: x, rules: [{if: $NO, needs: [b]}, {when: always}]}", "configuration has no such job"),
        ("a: {script: x, needs: [b], rules: [{if: $CI, needs: []}]}", "configuration has no such job"),
        (
            "a: {script: x, rules: [{if: $NO, needs: [d]}, {}]}\nd: {stage: deploy, script: x}",
            "the later stage",
        ),
        ("a: {script: x, parallel: 2}\nb: {script: x, needs: [a, a 1/2]}", "'b' needs 'a 1/2' twice"),
        (
            "a: {script: x, parallel: {matrix: [{A: [1, 2]}]}}\n"
            "b: {script: x, needs: [{job: a, parallel: {matrix: [{A: 2}]}}, a]}",
            "2 jobs:b:needs[1]: 'b' needs 'a: [2]' twice",
        ),
        (
            "a: {trigger: {include: {artifact: c.yml, job: b}}}",
            "1 jobs:a:trigger:include:job: trigger:include takes an artifact of 'b', which is not a job",
        ),
        (
            "a: {trigger: {include: [x.yml, {artifact: c.yml, job: b}]}}\nb: {stage: deploy, script: x}",
            "1 jobs:a:trigger:include[1]:job: trigger:include takes an artifact of 'b', which is in the later",
        ),
        (
            "a: {trigger: {include: {artifact: c.yml, job: b}}}\nb: {script: x, stage: build, parallel: 2}",
            "which has copies. Write the name of one of them.",
        ),
        ("a: {script: x, parallel: 0}", "from 1 to 200"),
        ("a: {script: x, parallel: 201}", "limit of 200 (parallel)"),
        ("a: {script: x, environment: {name: r, on_stop: b}}", "on_stop names 'b', which is not a job"),
        ("a: {script: x, environment: {name: r, on_stop: b}}\nb: {script: x}", "which has no environment"),
        (
            "a: {script: x, environment: {name: r, on_stop: b}}\nb: {script: x, environment: {name: r}}",
            "must have action: stop",
        ),
        (
            "a: {script: x, environment: {name: r, on_stop: b}}\nb: {script: x, environment: {name: q, action: stop}}",
            "whose environment is 'q' and not 'r'",
        ),
    ],
)
def test_wrong_graphs(errors: Errors, text: str, words: str) -> None:
    found = errors(text)
    assert any(words in error for error in found), found


def test_fifty_needs_and_no_more(plan: Plan, errors: Errors) -> None:
    jobs = "".join(f"j{i}: {{stage: build, script: x}}\n" for i in range(51))
    names = [f"j{i}" for i in range(51)]
    assert len(plan(f"{jobs}t: {{script: x, needs: [{', '.join(names[:50])}]}}").jobs[-1].needs or ()) == 50
    assert "limit of 50 (needs_per_job)" in errors(f"{jobs}t: {{script: x, needs: [{', '.join(names)}]}}")[0]


def test_a_long_chain_of_needs(plan: Plan, errors: Errors) -> None:
    chain = "j0: {script: x}\n" + "".join(f"j{i}: {{script: x, needs: [j{i - 1}]}}\n" for i in range(1, 3000))
    assert len(plan(chain).jobs) == 3000
    assert "circle" in errors(chain.replace("j0: {script: x}", "j0: {script: x, needs: [j2999]}"))[0]


def test_what_comes_from_other_pipelines_is_kept_apart(plan: Plan) -> None:
    # docs.gitlab.com/ci/yaml/#needsproject, #needspipelinejob, #needspipeline
    pipeline = plan("""
        build: {stage: build, script: x}
        a:
          script: x
          needs:
            - build
            - {project: g/p, job: build-1, ref: main, artifacts: true}
            - {pipeline: $PARENT, job: create}
        b: {script: x, needs: [{project: g/p, job: build-1, ref: main, artifacts: true}]}
        c: {needs: {pipeline: other/$PART}, variables: {PART: project}}
    """)
    jobs = {job.name: job for job in pipeline.jobs}
    assert [need.name for need in jobs["a"].needs or ()] == ["build"]
    assert [(need.project, need.ref, need.job, need.pipeline) for need in jobs["a"].cross_needs] == [
        ("g/p", "main", "build-1", None),
        (None, None, "create", "$PARENT"),
    ]
    assert jobs["b"].needs == ()  # GitLab, lib/gitlab/ci/config/entry/job.rb: scheduling_type is dag
    assert (jobs["c"].mirrors, jobs["c"].cross_needs, jobs["c"].needs) == ("other/project", (), None)


@pytest.mark.parametrize(
    ("need", "message"),
    [
        ("{project: p, job: j, artifacts: true}", "needs:project needs ref."),
        ("{project: p, job: j, ref: r}", "needs:project needs artifacts: true."),
        ("{project: p, job: j, ref: r, artifacts: false}", "needs:project needs artifacts: true."),
        (
            "{project: p, pipeline: 1, job: j, ref: r, artifacts: true}",
            "needs:pipeline does not go with needs:project.",
        ),
        ("{pipeline: 1, job: j, optional: true}", "needs:optional does not go with needs:pipeline."),
        ("{job: b, ref: main}", "needs:ref goes with needs:project only."),
    ],
)
def test_wrong_needs_of_other_pipelines(errors: Errors, need: str, message: str) -> None:
    assert message in errors(f"b: {{script: x}}\na: {{script: x, needs: [{need}]}}")[0]


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (
            "{script: x, needs: {pipeline: g/p}}",
            "script does not go together with needs:pipeline without job.",
        ),
        ("{tags: [x], needs: {pipeline: g/p}}", "tags does not go together with needs:pipeline without job."),
        (
            "{trigger: g/q, needs: {pipeline: g/p}}",
            "Needs of other pipelines do not go together with trigger.",
        ),
        ("{needs: [b, {pipeline: g/p}]}", "so it must be the only one of the job's needs."),
        (
            "{needs: {pipeline: g/p}, when: delayed, start_in: 1 day}",
            "when: delayed does not go together with",
        ),
        ("{needs: {pipeline: g/p}, rules: [{needs: [b]}]}", "rules:needs does not go together with"),
    ],
)
def test_a_job_that_mirrors_a_pipeline_does_nothing_else(errors: Errors, job: str, message: str) -> None:
    assert message in errors(f"b: {{script: x}}\na: {job}")[0]


def test_a_job_that_mirrors_a_pipeline_takes_no_defaults(plan: Plan) -> None:
    pipeline = plan("default: {tags: [x], retry: 2}\na: {needs: [{pipeline: g/p}]}\n")
    assert (pipeline.jobs[0].mirrors, pipeline.jobs[0].tags, pipeline.jobs[0].retry_max) == ("g/p", (), 0)


def test_few_needs_of_other_projects(errors: Errors) -> None:
    need = "{project: p, job: j, ref: r, artifacts: true}, "
    assert "more than the limit of 5 jobs" in errors(f"a: {{script: x, needs: [{need * 6}]}}")[0]
