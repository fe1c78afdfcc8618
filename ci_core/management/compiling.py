"""Compiles the configuration of a working tree and prints what comes of it: `manage.py ci_compile`.

`python -m ci_core.management.compiling` is the same without Django.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

from ci_core.compiler import CompileContext, CompiledPipeline, CompileResult, Limits, compile_config
from ci_core.management.working_tree import TreeChanges, WorkingTree, current_branch, variables_of

CONFIG: Final = ".gitlab-ci.yml"
SOURCES: Final = ("push", "web", "api", "schedule", "trigger", "merge_request_event")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("path", nargs="?", default=".", help="A configuration, or a folder with one.")
    parser.add_argument("--ref", help="The branch or tag to compile for. Default: the one checked out.")
    parser.add_argument("--tag", action="store_true", help="The ref is a tag.")
    parser.add_argument("--source", default="push", choices=SOURCES, help="What asks for the pipeline.")
    parser.add_argument("--target", metavar="BRANCH", help="Where a merge request would go.")
    parser.add_argument("--default-branch", default="main", help="The project's default branch.")
    parser.add_argument(
        "--var", action="append", default=[], metavar="K=V", help="A variable of the pipeline."
    )
    parser.add_argument(
        "--masked", action="append", default=[], metavar="K=V", help="A variable not to be shown."
    )
    parser.add_argument(
        "--input", action="append", default=[], metavar="K=V", help="A value for spec:inputs."
    )
    parser.add_argument("--changed", action="append", metavar="FILE", help="A file that the push changed.")
    parser.add_argument(
        "--project", action="append", default=[], metavar="PATH=FOLDER", help="Where to find another project."
    )
    parser.add_argument(
        "--allow-url", action="append", default=[], metavar="PREFIX", help="Remote files may come from there."
    )
    parser.add_argument("--templates", metavar="FOLDER", help="Where to find what include:template names.")
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="NAME=N",
        help="Another limit, such as needs_per_job=80.",
    )
    parser.add_argument("--json", action="store_true", help="Print JSON instead of tables.")
    parser.add_argument("--explain", action="store_true", help="Say of each job why it is in or out.")


def compile_tree(options: Mapping[str, Any]) -> CompileResult:
    """Compiles what the options name. Raises ValueError with words for people when they make no sense."""
    path = Path(options["path"])
    file = path / CONFIG if path.is_dir() else path
    root = path if path.is_dir() else _root(file)
    try:
        source = file.read_bytes()
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}.") from error
    name = file.resolve().relative_to(root.resolve()).as_posix()
    default = options["default_branch"]
    ref = options["ref"] or (None if options["tag"] else current_branch(root)) or default
    given, masked = _pairs("--var", options["var"]), _pairs("--masked", options["masked"])
    predefined = variables_of(
        root,
        name,
        ref=ref,
        tag=options["tag"],
        source=options["source"],
        default_branch=default,
        target=options["target"] or default,
    )
    projects = {key.strip("/"): Path(value) for key, value in _pairs("--project", options["project"]).items()}
    context = CompileContext(
        ref=ref,
        source=options["source"],
        tag=options["tag"],
        variables={**predefined, **given, **masked},
        predefined=frozenset(predefined.keys() - given.keys() - masked.keys()),
        masked=frozenset(masked),
        inputs=_pairs("--input", options["input"]),
        fetcher=WorkingTree(root, projects, options["allow_url"], options["templates"]),
        changes=TreeChanges(root, options["changed"]),
    )
    return compile_config(source, context, file=name, limits=_limits(options["limit"]))


def _limits(given: Sequence[str]) -> Limits:
    numbers = {}
    for name, text in _pairs("--limit", given).items():
        if not (text.isascii() and text.isdigit() and int(text) > 0):
            raise ValueError(f"--limit {name}={text}: write a whole number above 0.")
        numbers[name] = int(text)
    return Limits.named(numbers)


def _root(file: Path) -> Path:
    """The folder that paths begin at: that of the repository, else that of the file."""
    folder = file.resolve().parent
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), folder)


def _pairs(option: str, values: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for value in values:
        key, separator, text = value.partition("=")
        if not separator or not key:
            raise ValueError(f"{option} {value}: write NAME=VALUE.")
        pairs[key] = text
    return pairs


def plan_json(pipeline: CompiledPipeline) -> dict[str, Any]:
    """A plan as a JSON object."""
    plan = asdict(pipeline)
    for entry, job in zip(plan["jobs"], pipeline.jobs, strict=True):
        del entry["_definition"]
        entry["definition"] = job.definition()
    return plan


def result_json(result: CompileResult) -> dict[str, Any]:
    """What came of compiling, as a JSON object."""
    return {
        "valid": not result.errors,
        "errors": [error.to_json() for error in result.errors],
        "warnings": [warning.to_json() for warning in result.warnings],
        "pipeline": None if result.pipeline is None else plan_json(result.pipeline),
        "explanation": result.explanation.to_json(),
    }


def run(options: Mapping[str, Any], out: IO[str]) -> int:
    """Compiles and prints; gives the exit code, 1 when there are errors."""
    try:
        result = compile_tree(options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if options["json"]:
        json.dump(result_json(result), out, indent=2, ensure_ascii=False)
        out.write("\n")
    else:
        from ci_core.management.printing import print_result

        print_result(result, out, explain=options["explain"])
    return 1 if result.errors else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command without Django."""
    parser = argparse.ArgumentParser(prog="ci_compile", description=__doc__.splitlines()[0])
    add_arguments(parser)
    return run(vars(parser.parse_args(arguments)), sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
