"""Owns the way from the source of a configuration to its plan, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ci_core.compiler.collector import collector_paused
from ci_core.compiler.copies import expand_copies
from ci_core.compiler.diagnostics import At, PlainMark, Report
from ci_core.compiler.documents import load_text, read_body
from ci_core.compiler.explanation import Decision, Explanation, JobExplanation
from ci_core.compiler.includes import Includer
from ci_core.compiler.jobs import JobDraft, read_defaults, read_jobs
from ci_core.compiler.keywords.rules import RuleSpec
from ci_core.compiler.keywords.variables import parse_global_variables
from ci_core.compiler.keywords.workflow import POST, PRE, WorkflowSpec, parse_stages, parse_workflow
from ci_core.compiler.limits import Limits
from ci_core.compiler.merge import Extender
from ci_core.compiler.needs import NeedsCompiler, check_graph
from ci_core.compiler.plan import check_cycles, plan_job
from ci_core.compiler.policies import decide_by_policies
from ci_core.compiler.references import Resolver
from ci_core.compiler.rules import asked, decide, decide_without_rules
from ci_core.compiler.scope import JOB_VARIABLES, Scope
from ci_core.compiler.session import OutOfBudget, Session
from ci_core.compiler.tree import Map
from ci_core.compiler.types import CompileContext, CompiledJob, CompiledPipeline, CompileResult
from ci_core.compiler.variables import expand, merge_variables, split_context


def compile_config(
    source: str | bytes,
    context: CompileContext,
    *,
    file: str = ".gitlab-ci.yml",
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> CompileResult:
    """Compiles a configuration for one situation. Never raises for what is in the source.

    Source: docs.gitlab.com/ci/yaml/
    """
    sources: dict[str, str] = {}
    report = Report(sources, limits.diagnostics, context.redact)
    session = Session(report, limits, context, sources)
    try:
        with collector_paused():
            return _Compilation(session, file).run(source)
    except RecursionError:
        at = At(None, "", PlainMark(file))
        report.error("References and lists are nested too deeply together. Use fewer levels.", at, "limit")
    except OutOfBudget as error:
        text = f"Shared parts are used so often that reading them takes more than {limits.work} steps (work)."
        report.error(text, error.at, "limit")
    return CompileResult(None, report.errors, report.warnings, sources=sources)


class _Compilation:
    """The steps of one compilation."""

    def __init__(self, session: Session, file: str) -> None:
        self._session = session
        self._report = session.report
        self._file = file
        self._at = At(None, "", PlainMark(file))
        session.origin = self._at
        self._includer = Includer(session)
        self._workflow = WorkflowSpec()
        self._workflow_rule: RuleSpec | None = None
        self._name: str | None = None
        self._workflow_decision: Decision | None = None
        self._explained: tuple[JobExplanation, ...] = ()
        strong, weak = split_context(session.context.variables, session.context.predefined)
        self._scope = Scope(session, strong, weak)

    def run(self, source: str | bytes) -> CompileResult:
        """From the text to the result."""
        root = self._root(source)
        pipeline = None if root is None else self._compile(root)
        if self._report.failed:
            pipeline = None
        explanation = Explanation(self._workflow_decision, self._explained, tuple(self._includer.explained))
        report, sources = self._report, self._session.sources
        inputs = self._session.inputs
        return CompileResult(pipeline, report.errors, report.warnings, explanation, sources, root, inputs)

    def _root(self, source: str | bytes) -> Map | None:
        """The map of keywords and jobs, with includes, extends and references carried out."""
        session, context = self._session, self._session.context
        documents = load_text(session, source, self._file)
        if documents is None or not self._few_inputs(len(context.inputs)):
            return None
        given = context.inputs
        body = read_body(
            session,
            self._file,
            documents,
            given=given,
            given_at=None,
            variables=session.early,
            external=self._includer.declared,
        )
        if body is None:
            return None
        body = self._includer.run(body, self._at)
        body = Extender(body, self._at, session).run()
        return Resolver(body, self._at, self._report, session.limits).run()

    def _few_inputs(self, count: int) -> bool:
        """Source: docs.gitlab.com/ci/inputs/#for-a-pipeline"""
        limit = self._session.limits.pipeline_inputs
        if count > limit:
            text = f"{count} inputs are given, more than the limit of {limit} (pipeline_inputs)."
            self._report.error(text, self._at, "limit")
        return count <= limit

    def _compile(self, root: Map) -> CompiledPipeline | None:
        session, at = self._session, self._at
        stages = parse_stages(session, root.get("stages"), root.at("stages", at) if "stages" in root else at)
        self._globals(root)
        self._name = self._pipeline_name()
        if self._name is not None:
            self._scope.weak["CI_PIPELINE_NAME"] = self._name
        defaults = read_defaults(session, root, at)
        order = {stage: index for index, stage in enumerate(stages)}
        drafts = read_jobs(session, root, at, defaults, order)
        if not drafts and not self._report.failed:
            self._report.error(
                "The configuration has no visible job. Write at least one job with a script.", at
            )
        drafts, copies = expand_copies(session, drafts)
        self._decide_jobs(drafts)
        check_graph(session, drafts, order, copies)
        if self._workflow_decision is not None and not self._workflow_decision.included:
            self._filtered(root)
            return None
        return self._plan(drafts, order, copies)

    def _globals(self, root: Map) -> None:
        """Global variables and the workflow, which may add to them.

        Source: docs.gitlab.com/ci/yaml/#workflowrulesvariables
        """
        session, at = self._session, self._at
        if root.get("variables") is not None:
            place = root.at("variables", at)
            self._scope.shared = parse_global_variables(session, root["variables"], place) or ()
            check_cycles(session, self._scope.shared, place)
        if root.get("workflow") is not None:
            self._workflow = parse_workflow(session, root["workflow"], root.at("workflow", at))
        if self._workflow.rules is None:
            self._workflow_decision = Decision(True, "no_rules")
            return
        layers = self._scope.layers(self._scope.shared, {})
        self._workflow_rule, self._workflow_decision = decide(session, self._workflow.rules, "always", layers)
        if self._workflow_rule is not None and self._workflow_rule.variables:
            self._scope.shared = merge_variables(self._scope.shared, self._workflow_rule.variables)

    def _decide_jobs(self, drafts: Sequence[JobDraft]) -> None:
        """Decides on every job. Copies with numbers are told as one job, those of a matrix one by one."""
        explained: dict[str, JobExplanation] = {}
        shared: dict[str, JobDraft] = {}
        for draft in drafts:
            first = shared.get(draft.base)
            if first is None:
                draft.decision = self._decide_job(draft)
                if draft.total is not None and self._alike(draft):
                    shared[draft.base] = draft
            else:
                draft.rule, draft.decision = first.rule, first.decision
            mark = draft.at.mark
            name = draft.name if draft.matrix else draft.base
            if name not in explained:
                explained[name] = JobExplanation(name, mark.name, mark.line + 1, draft.decision)
        self._explained = tuple(explained.values())

    def _decide_job(self, draft: JobDraft) -> Decision:
        get = draft.values.get
        rules, only, except_ = get("rules"), get("only"), get("except")
        workflow = self._workflow.rules is not None
        if rules is None and only is None and except_ is None:
            return decide_without_rules(self._session, workflow)
        yaml = self._scope.yaml_variables(draft)
        variables = self._scope.layers(yaml, self._scope.job_variables(draft, yaml))
        if rules is None:
            return decide_by_policies(self._session, only, except_, variables, workflow)
        draft.rule, decision = decide(self._session, rules, get("when") or "on_success", variables)
        return decision

    def _alike(self, draft: JobDraft) -> bool:
        """Whether the rules are blind to what sets the copies of a job apart, so that one decision is that of all."""
        rules = draft.values.get("rules")
        if rules is None:
            return False
        names, texts = asked(self._session, rules)
        return (
            not texts
            and JOB_VARIABLES.isdisjoint(names)
            and not any(item.key in names for item in draft.matrix)
            and not any(item.key in names for item in self._session.context.scoped)
        )

    def _filtered(self, root: Map) -> None:
        """Source: docs.gitlab.com/ci/yaml/workflow/"""
        assert self._workflow_decision is not None
        if self._report.failed:
            return
        never = self._workflow_decision.reason == "rule_never"
        reason = "a rule says when: never" if never else "none of them matches"
        self._report.error(
            f"Pipeline filtered out by workflow rules: {reason}.",
            root.at("workflow", self._at),
            "workflow_filtered",
        )

    def _plan(
        self, drafts: Sequence[JobDraft], order: Mapping[str, int], copies: Mapping[str, Sequence[str]]
    ) -> CompiledPipeline | None:
        included = {draft.name: draft for draft in drafts if draft.decision.included}
        left_out = {draft.name: draft for draft in drafts if not draft.decision.included}
        chosen = sorted(included.values(), key=lambda draft: order.get(draft.stage, 0))
        if not self._few_enough(len(chosen)):
            return None
        needs = NeedsCompiler(self._session, included, left_out, copies)
        jobs = [
            plan_job(self._scope, draft, needs.of(draft), _dependencies(draft, included, copies))
            for draft in chosen
        ]
        if not self._enough(jobs):
            return None
        used = {job.stage for job in jobs}
        return CompiledPipeline(
            name=self._name,
            stages=tuple(stage for stage in order if stage in used),
            jobs=tuple(jobs),
            variables=self._scope.shared,
            auto_cancel_on_new_commit=self._auto_cancel("on_new_commit", "conservative"),
            auto_cancel_on_job_failure=self._auto_cancel("on_job_failure", "none"),
        )

    def _few_enough(self, total: int) -> bool:
        limit = self._session.limits.jobs
        if total > limit:
            text = f"The pipeline has {total} jobs, more than the limit of {limit} (jobs)."
            self._report.error(text, self._at, "limit")
        return total <= limit

    def _enough(self, jobs: Sequence[CompiledJob]) -> bool:
        """A pipeline needs a job outside .pre and .post.

        Source: docs.gitlab.com/ci/yaml/#stage-pre
        """
        if self._report.failed:
            return False
        if all(job.stage in (PRE, POST) for job in jobs):
            only = (
                " Only jobs in .pre and .post are left, and those alone do not make a pipeline."
                if jobs
                else ""
            )
            self._report.error(
                "Pipeline will not run for the selected trigger. "
                f"The rules configuration prevented any jobs from being added to the pipeline.{only}",
                self._at,
                "no_jobs",
            )
            return False
        return True

    def _pipeline_name(self) -> str | None:
        """Source: docs.gitlab.com/ci/yaml/#workflowname"""
        name = self._workflow.name
        if name is None:
            return None
        layers = self._scope.layers(self._scope.shared, {})
        text = expand(name, layers, raw=self._scope.raw_names(self._scope.shared, {})).strip()
        return text[: self._session.limits.name_length] or None

    def _auto_cancel(self, key: str, default: str) -> str:
        """Source: docs.gitlab.com/ci/yaml/#workflowrulesauto_cancel"""
        rule = None if self._workflow_rule is None else self._workflow_rule.auto_cancel
        value = getattr(rule, key, None) or getattr(self._workflow.auto_cancel, key)
        return str(value or default)


def _dependencies(
    draft: JobDraft, included: Mapping[str, JobDraft], copies: Mapping[str, Sequence[str]]
) -> list[str] | None:
    listed = draft.values.get("dependencies")
    if listed is None:
        return None
    names = dict.fromkeys(copy for name, _ in listed for copy in copies.get(name, (name,)))
    return [name for name in names if name in included]
