"""Owns the compiler's public data: what goes in, and the plan that comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from ci_core.compiler.diagnostics import Diagnostic
from ci_core.compiler.explanation import Explanation
from ci_core.compiler.expressions.evaluate import MASKED
from ci_core.compiler.fetching import Changes, Fetcher, NoFetcher
from ci_core.compiler.variables import CompiledVariable

if TYPE_CHECKING:
    from ci_core.compiler.inputs.spec import InputSpec

FileDigest: TypeAlias = Callable[[Sequence[str]], "str | None"]


@dataclass(frozen=True, slots=True)
class ScopedVariable:
    """A variable for the jobs whose environment the scope fits: `*` in it stands for whatever is in its place."""

    key: str
    value: str
    scope: str
    masked: bool = False
    raw: bool = False


@dataclass(frozen=True, slots=True)
class CompileContext:
    """The situation that a configuration is compiled for.

    `variables` are all variables known at creation. Those in `predefined` are weaker than the
    configuration's own, the others are stronger (docs.gitlab.com/ci/variables/#cicd-variable-precedence).
    When `predefined` is None, names that begin with `CI_` or `GITLAB_`, and `CI`, are taken as predefined.
    Values of variables in `masked` appear neither in the explanation nor in what is reported. `raw` names
    variables whose values are not expanded; `late` those that are not known yet while files are read
    (include and its rules, inputs). `scoped` are variables of jobs with
    an environment: there they are stronger than all others, and of two that fit the later wins.
    `file_digest`, given paths, returns a text that changes with the content of those files, `commit_digest` one
    that changes with the newest commits that changed them; None when none of them exists. Without these, caches with
    `key:files` and `key:files_commits` keep their file list for later. `inputs` are the
    values for `spec:inputs` of the main file; texts are read as the type of the input. `fetcher` reads what
    `include` and `rules:exists` ask for; without `changes`, `rules:changes` is always true.
    """

    ref: str
    source: str = "push"
    tag: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    predefined: frozenset[str] | None = None
    masked: frozenset[str] = frozenset()
    raw: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()
    scoped: tuple[ScopedVariable, ...] = ()
    file_digest: FileDigest | None = None
    commit_digest: FileDigest | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    fetcher: Fetcher = field(default_factory=NoFetcher)
    changes: Changes | None = None

    def redact(self, text: str) -> str:
        """The text without the values of masked variables."""
        values = [self.variables.get(name) for name in self.masked]
        for value in (*values, *(item.value for item in self.scoped if item.masked)):
            if value and value in text:
                text = text.replace(value, MASKED)
        return text


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file, counted from 1."""

    file: str
    line: int
    column: int = 1


@dataclass(frozen=True, slots=True)
class CompiledNeed:
    """A job that must have finished first, and whether its artifacts are fetched."""

    name: str
    optional: bool = False
    artifacts: bool = True


@dataclass(frozen=True, slots=True)
class CompiledCrossNeed:
    """Something that a job takes from another pipeline.

    With `project`: the artifacts of the newest successful `job` on `ref`. With `pipeline` and `job`: those of a
    job in a pipeline of the same family, by id. With `pipeline` alone: the state of a project's newest pipeline.
    """

    position: Position
    project: str | None = None
    ref: str | None = None
    job: str | None = None
    pipeline: str | None = None
    artifacts: bool = True


@dataclass(frozen=True, slots=True)
class CompiledTrigger:
    """The pipeline that a job starts: of another project, or a child from the files in `include`.

    `project` and `branch` are expanded. `strategy` is None, depend or mirror.
    """

    project: str | None = None
    branch: str | None = None
    include: tuple[Mapping[str, Any], ...] = ()
    strategy: str | None = None
    forward_yaml_variables: bool = True
    forward_pipeline_variables: bool = False
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CompiledEnvironment:
    """The environment that a job deploys to, stops or looks at.

    `name` is expanded. `url` is expanded when all its variables are known at creation, else it is as written.
    """

    name: str
    url: str | None = None
    action: str = "start"
    on_stop: str | None = None
    auto_stop_in: int | None = None
    deployment_tier: str | None = None
    original_name: str = ""
    kubernetes: Mapping[str, Any] | None = None


@dataclass(slots=True)
class CompiledJob:
    """One job of the pipeline. mirrors: the path of the project whose newest pipeline it mirrors, expanded.

    Not frozen, since a plan has thousands and a frozen object of that many fields takes four times as long to make;
    nothing changes it for all that.
    """

    name: str
    stage: str
    position: Position
    when: str = "on_success"
    allow_failure: bool = False
    allow_failure_exit_codes: tuple[int, ...] = ()
    needs: tuple[CompiledNeed, ...] | None = None
    tags: tuple[str, ...] = ()
    timeout: int | None = None
    start_in: int | None = None
    interruptible: bool = False
    retry_max: int = 0
    retry_when: tuple[str, ...] = ()
    retry_exit_codes: tuple[int, ...] = ()
    environment: CompiledEnvironment | None = None
    resource_group: str | None = None
    coverage: str | None = None
    parallel_index: int | None = None
    parallel_total: int | None = None
    manual_confirmation: str | None = None
    base_name: str = ""
    cross_needs: tuple[CompiledCrossNeed, ...] = ()
    trigger: CompiledTrigger | None = None
    mirrors: str | None = None
    _definition: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def definition(self) -> dict[str, Any]:
        """What a runner needs, as a JSON-able dict. Inner values are shared: do not change them."""
        return dict(self._definition)


@dataclass(frozen=True, slots=True)
class CompiledPipeline:
    """The plan of a pipeline: stages with at least one job, and the jobs by stage, then in file order."""

    name: str | None
    stages: tuple[str, ...]
    jobs: tuple[CompiledJob, ...]
    variables: tuple[CompiledVariable, ...] = ()
    auto_cancel_on_new_commit: str = "conservative"
    auto_cancel_on_job_failure: str = "none"


@dataclass(frozen=True, slots=True)
class CompileResult:
    """The plan, or the errors that prevent one; and in either case the account of what was decided.

    `sources` are the texts of the files that were read, by their names in messages. `merged` is the whole
    configuration after includes, extends and references, as plain maps and lists; None if it came to none.
    `inputs` are those that the main file declares.
    """

    pipeline: CompiledPipeline | None
    errors: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    explanation: Explanation = field(default_factory=Explanation)
    sources: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    merged: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    inputs: tuple[InputSpec, ...] = field(default=(), repr=False, compare=False)
