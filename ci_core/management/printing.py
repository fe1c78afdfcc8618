"""Prints what came of compiling a configuration for people: plan, findings with their lines, and reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from ci_core.compiler import CompiledJob, CompiledPipeline, CompileResult, Decision, Diagnostic, PathsTrace
from ci_core.compiler.explanation import PolicyTrace, RuleTrace
from ci_core.compiler.expressions import ExpressionTrace

_REASONS = {
    "no_rules": "it has no rules",
    "no_rules_in_merge_request": "jobs without rules are not in merge request pipelines",
    "rule": "a rule matches",
    "rule_never": "a rule says never",
    "no_rule_matched": "no rule matches",
    "only": "its only and except allow it",
    "only_not_matched": "its only does not match",
    "except_matched": "its except matches",
}
_NOTES = {
    "no_push": "there is no push to compare with, so it is true",
    "too_many": "more files and patterns than are compared, so it is true",
    "refused": "the files cannot be asked for",
}


def print_result(result: CompileResult, out: IO[str], *, explain: bool) -> None:
    """The plan or the errors, the warnings, and if wanted the reasons."""
    console = Console(file=out, highlight=False, soft_wrap=not out.isatty())
    for diagnostic in (*result.errors, *result.warnings):
        _print_finding(console, diagnostic, result.sources.get(diagnostic.file, ""))
    if result.pipeline is not None:
        console.print(_plan(result.pipeline))
    if explain:
        console.print(_reasons(result))
    left_out = sum(not job.decision.included for job in result.explanation.jobs)
    jobs = 0 if result.pipeline is None else len(result.pipeline.jobs)
    console.print(
        f"{jobs} jobs, {left_out} left out, {len(result.errors)} errors, {len(result.warnings)} warnings"
    )


def _print_finding(console: Console, finding: Diagnostic, source: str) -> None:
    style = "bold red" if finding.severity == "error" else "yellow"
    console.print(Text(f"{finding.severity}: {finding.message}", style))
    where = f"{finding.file}:{finding.line}:{finding.column}"
    console.print(Text(f"  --> {where}" + (f" ({finding.path})" if finding.path else ""), "dim"))
    lines = source.split("\n")
    if 0 < finding.line <= len(lines) and source:
        line = lines[finding.line - 1].rstrip("\r").replace("\t", " ")[:200]
        number = str(finding.line)
        console.print(Text(f"{number:>5} | {line}"))
        console.print(Text(f"{'':>5} | {' ' * min(finding.column - 1, 200)}^", style))


def _plan(pipeline: CompiledPipeline) -> Table:
    table = Table(title=pipeline.name and escape(pipeline.name))
    for heading in ("stage", "job", "when", "needs", "details", "line"):
        table.add_column(heading, overflow="fold")
    one_file = len({job.position.file for job in pipeline.jobs}) == 1
    for job in pipeline.jobs:
        needs = "-" if job.needs is None else ", ".join(need.name for need in job.needs) or "none"
        place = str(job.position.line) if one_file else f"{job.position.file}:{job.position.line}"
        table.add_row(*map(escape, (job.stage, job.name, job.when, needs, ", ".join(_details(job)), place)))
    return table


def _details(job: CompiledJob) -> Iterator[str]:
    if job.allow_failure:
        yield "may fail"
    if job.environment is not None:
        yield f"environment {job.environment.name}"
    if job.tags:
        yield f"tags {' '.join(job.tags)}"
    if job.resource_group:
        yield f"one at a time in {job.resource_group}"
    if job.trigger is not None:
        yield f"starts {job.trigger.project or 'a child pipeline'}"
    for need in job.cross_needs:
        yield f"takes from {need.project or need.pipeline}"


def _reasons(result: CompileResult) -> Tree:
    tree = Tree("why")
    explanation = result.explanation
    if explanation.workflow is not None:
        _decision(tree, "workflow", explanation.workflow)
    for include in explanation.includes:
        _decision(tree, f"include {include.location} ({include.file}:{include.line})", include.decision)
    for job in explanation.jobs:
        _decision(tree, f"{job.name} ({job.file}:{job.line})", job.decision)
    return tree


def _decision(tree: Tree, name: str, decision: Decision) -> None:
    word = "in" if decision.included else "out"
    style = "green" if decision.included else "red"
    branch = tree.add(Text.assemble(name, ": ", (word, style), f", {_REASONS[decision.reason]}"))
    for rule in decision.rules:
        _rule(branch, rule)
    for policy in decision.policies:
        _policy(branch, policy)


def _rule(tree: Tree, rule: RuleTrace) -> None:
    outcome = f"matches, {rule.when}" if rule.matched else "does not match"
    branch = tree.add(Text(f"rule {rule.index + 1} ({rule.file}:{rule.line}): {outcome}"))
    _expressions(branch, "if", () if rule.expression is None else (rule.expression,))
    for paths in (rule.changes, rule.exists):
        if paths is not None:
            _paths(branch, paths)


def _policy(tree: Tree, policy: PolicyTrace) -> None:
    found = f" ({policy.matched})" if policy.matched else ""
    branch = tree.add(Text(f"{policy.keyword}: {_word(policy.value)}{found}"))
    _expressions(branch, "expression", policy.expressions)
    if policy.changes is not None:
        _paths(branch, policy.changes)


def _expressions(tree: Tree, name: str, traces: Iterable[ExpressionTrace]) -> None:
    for trace in traces:
        branch = tree.add(Text(f"{name} {trace.text}: {_word(trace.value)}"))
        for variable, value in trace.variables:
            branch.add(Text(f"${variable} is {'not set' if value is None else repr(value)}", "dim"))
        for step in trace.steps:
            value = "not needed" if step.value is None else _word(step.value)
            branch.add(Text(f"{step.text}: {value}", "dim"))


def _paths(tree: Tree, trace: PathsTrace) -> None:
    against = f" (against {trace.compared_with})" if trace.compared_with else ""
    note = f", {_NOTES[trace.note]}" if trace.note else ""
    branch = tree.add(Text(f"{trace.keyword}{against}: {_word(trace.value)}{note}"))
    for pattern in trace.patterns:
        files = ", ".join(pattern.files) or "nothing"
        branch.add(Text(f"{pattern.pattern} matches {files}", "dim"))


def _word(value: bool) -> str:
    return "true" if value else "false"
