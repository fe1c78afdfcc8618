"""Owns the bounds of the compiler: how large, deep and wide a configuration may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Limits:
    """Every bound of the compiler; each refusal names the bound, its value and what was reached.

    The values are GitLab's defaults where GitLab has one
    (docs.gitlab.com/administration/instance_limits, docs.gitlab.com/ci/yaml/#extends,
    docs.gitlab.com/ci/yaml/yaml_optimization/#reference-tags).
    """

    file_bytes: int = 2 * 1024 * 1024
    yaml_depth: int = 100
    yaml_nodes: int = 500_000
    yaml_aliases: int = 20_000
    expanded_nodes: int = 1_000_000
    jobs: int = 10_000
    copies: int = 50_000
    includes: int = 150
    included_bytes: int = 20 * 1024 * 1024
    pipeline_inputs: int = 20
    input_options: int = 50
    input_functions: int = 3
    interpolation_length: int = 1024
    interpolated_length: int = 1_000_000
    paths_per_rule: int = 50
    path_checks: int = 50_000
    lookups: int = 100
    needs_per_job: int = 50
    cross_project_needs: int = 5
    extends_depth: int = 11
    reference_depth: int = 10
    script_depth: int = 10
    parallel: int = 200
    caches_per_job: int = 4
    tags_per_job: int = 50
    job_timeout: int = 2_629_746
    expression_length: int = 10_000
    expression_depth: int = 100
    expression_operators: int = 200
    regex_length: int = 2_000
    name_length: int = 255
    expanded_length: int = 65_536
    work: int = 5_000_000
    diagnostics: int = 100

    @classmethod
    def named(cls, given: Mapping[str, int]) -> Limits:
        """Limits with other values where they are given by name. Raises ValueError for a name that is none of them."""
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                raise ValueError(
                    f"The compiler has no limit {name!r}. Its limits are {', '.join(sorted(known))}."
                )
        return cls(**given)
