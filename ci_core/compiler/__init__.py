"""Owns the public names of the compiler of `.gitlab-ci.yml`.

Pure Python: no Django, no clock, no input or output.
"""

from __future__ import annotations

from ci_core.compiler.collector import collector_paused
from ci_core.compiler.compile import compile_config
from ci_core.compiler.diagnostics import Diagnostic
from ci_core.compiler.explanation import (
    Decision,
    Explanation,
    IncludedFile,
    IncludeExplanation,
    JobExplanation,
    PathsTrace,
    PatternTrace,
    PolicyTrace,
    RuleTrace,
    unpacked,
)
from ci_core.compiler.expressions import ExpressionTrace
from ci_core.compiler.fetching import Changes, Fetcher, Place, Refusal
from ci_core.compiler.inputs.spec import InputRule, InputSpec
from ci_core.compiler.limits import Limits
from ci_core.compiler.merged import merged_yaml
from ci_core.compiler.types import (
    CompileContext,
    CompiledCrossNeed,
    CompiledEnvironment,
    CompiledJob,
    CompiledNeed,
    CompiledPipeline,
    CompiledTrigger,
    CompileResult,
    Position,
    ScopedVariable,
)
from ci_core.compiler.variables import CompiledVariable, expand

__all__ = [
    "Changes",
    "CompileContext",
    "CompileResult",
    "CompiledCrossNeed",
    "CompiledEnvironment",
    "CompiledJob",
    "CompiledNeed",
    "CompiledPipeline",
    "CompiledTrigger",
    "CompiledVariable",
    "Decision",
    "Diagnostic",
    "Explanation",
    "ExpressionTrace",
    "Fetcher",
    "IncludeExplanation",
    "IncludedFile",
    "InputRule",
    "InputSpec",
    "JobExplanation",
    "Limits",
    "PathsTrace",
    "PatternTrace",
    "Place",
    "PolicyTrace",
    "Position",
    "Refusal",
    "RuleTrace",
    "ScopedVariable",
    "collector_paused",
    "compile_config",
    "expand",
    "merged_yaml",
    "unpacked",
]
