"""Owns tests of inputs: their values in what a job says."""

import pytest

from local_runner.errors import PayloadError
from local_runner.job import parse_job

VALUES = {"name": "fred", "age": 5.0, "share": 0.5, "on": True, "tags": ["a", 1], "x-y": "dashed"}


def job(script, values=VALUES, **more):
    inputs = [{"key": key, "value": {"type": "?", "content": value}} for key, value in values.items()]
    steps = [{"name": "script", "script": [script]}]
    return parse_job({"id": 1, "token": "t", "inputs": inputs, "steps": steps, **more})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("hello ${{ job.inputs.name }}, ${{job.inputs.name}}!", "hello fred, fred!"),
        ("${{ job.inputs.age }} ${{ job.inputs.share }} ${{ job.inputs.on }}", "5 0.5 true"),
        ("${{ job.inputs.tags }} ${{ job.inputs.tags[0] }} ${{ job.inputs.tags[1] }}", '["a", 1] a 1'),
        ("${{ job.inputs['x-y'] }} ${{ job.inputs[\"name\"] }}", "dashed fred"),
        ("${{ str(job.inputs.age) }}", "5"),
        (r"\${{ job.inputs.name }}", "${{ job.inputs.name }}"),
        ("$name ${name} {{ x }}", "$name ${name} {{ x }}"),
    ],
)
def test_values_are_put_in(written, expected):
    assert job(written).steps[0].script == (expected,)


def test_a_value_is_not_read_again():
    assert job("${{ job.inputs.a }}", {"a": "${{ job.inputs.b }}"}).steps[0].script == (
        "${{ job.inputs.b }}",
    )


def test_values_in_artifacts_and_caches():
    found = job(
        "x",
        artifacts=[{"name": "${{ job.inputs.name }}", "paths": ["out/${{ job.inputs.age }}/"]}],
        cache=[{"key": "k-${{ job.inputs.name }}", "paths": ["a"], "policy": "pull"}],
    )
    assert (found.artifacts[0].name, found.artifacts[0].files.paths) == ("fred", ("out/5/",))
    assert found.caches[0].key == "k-fred"


def test_a_job_without_inputs_stays_as_it_is():
    assert job("${{ 1 + 2 }} \\${{", {}).steps[0].script == ("${{ 1 + 2 }} \\${{",)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("${{ 1 + 2 }}", r"cannot evaluate \$\{\{ 1 \+ 2 \}\}"),
        ("${{ job.inputs.nobody }}", "no input 'nobody'"),
        ("${{ job.inputs.tags[2] }}", "'tags' has no item 2"),
        ("${{ job.inputs.name[0] }}", "'name' has no item 0"),
    ],
)
def test_what_cannot_be_put_in_fails_the_job(written, message):
    with pytest.raises(PayloadError, match=message) as caught:
        job(written)
    assert caught.value.job_id == 1


@pytest.mark.parametrize("inputs", ["x", [1], [{"key": "a"}], [{"key": "a", "value": "b"}]])
def test_inputs_of_another_form(inputs):
    with pytest.raises(PayloadError, match="inputs is not a list"):
        parse_job({"id": 1, "token": "t", "inputs": inputs})
