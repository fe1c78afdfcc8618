"""Names under which jobs are grouped."""

from __future__ import annotations

import pytest

from ci_core.names import group_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test", "test"),
        ("test 1/3", "test"),
        ("test 1 / 3", "test"),
        ("test 1:3", "test"),
        ("test: [a, b]", "test"),
        ("test: [a, b] 2/3", "test"),
        ("deploy: [eu] extra", "deploy: [eu] extra"),
        ("rspec:unit", "rspec:unit"),
        ("rspec 10 15", "rspec"),
        ("1/3", "1/3"),
        (" 1/3", " 1/3"),
        ("a" + ": [" * 100, "a" + ": [" * 100),
    ],
)
def test_names(name, expected):
    assert group_name(name) == expected
