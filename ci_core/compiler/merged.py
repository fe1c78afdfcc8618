"""Owns the configuration as text after includes, extends and references."""

from __future__ import annotations

from typing import Any

import yaml

from ci_core.compiler.types import CompileResult


def merged_yaml(result: CompileResult) -> str | None:
    """The whole configuration as one YAML text; None when it came to none.

    What is shared stays shared, by anchors: written out, a small configuration could be endless.
    """
    if result.merged is None:
        return None
    memory: dict[int, Any] = {}
    plain = _plain(result.merged, memory)
    return yaml.dump(plain, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120)


def _plain(value: Any, memory: dict[int, Any]) -> Any:
    if isinstance(value, dict):
        if id(value) not in memory:
            memory[id(value)] = {key: _plain(item, memory) for key, item in value.items()}
        return memory[id(value)]
    if isinstance(value, list):
        if id(value) not in memory:
            memory[id(value)] = [_plain(item, memory) for item in value]
        return memory[id(value)]
    return value
