"""Random configurations. By a seed, not drawn bit by bit: a hundred draws would be much alike and seldom large."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

STAGES = ["one", "two", "three"]
GROUPS = ["a", "b"]
WHENS = ["on_success"] * 4 + ["manual", "delayed", "on_failure", "always"]
STRATEGIES = [None, "depend", "depend", "mirror", "mirror"]


def random_config(
    rng: Random,
    prefix: str,
    *,
    most: int,
    triggers: Sequence[dict[str, str]] = (),
    mirrors: str = "",
    deploying: bool = False,
    stray: bool = False,
) -> dict[str, Any]:
    """Jobs whose needs point backwards, some of them manual, delayed, allowed to fail or of a resource group.

    triggers: what some create pipelines of. mirrors: the project whose pipelines some mirror. deploying: some have an
    environment, and jobs that stop it. stray: some are for a runner that does not exist.
    """
    policies = {
        "on_job_failure": rng.choice(["none", "none", "none", "all"]),
        "on_new_commit": rng.choice(["conservative", "interruptible", "none"]),
    }
    config: dict[str, Any] = {"stages": STAGES, "workflow": {"auto_cancel": policies}}
    grouped = rng.random() < 0.6
    names: list[str] = []
    for number, stage in enumerate(sorted(rng.choices(STAGES, k=rng.randint(1, most)), key=STAGES.index)):
        name = f"{prefix}{number}"
        if mirrors and rng.random() < 0.15:
            config[name] = {
                "stage": stage,
                "needs": {"pipeline": mirrors},
                "allow_failure": rng.random() < 0.5,
            }
            names.append(name)
            continue
        job = _trigger(rng, triggers) if triggers and rng.random() < 0.35 else _build(rng)
        job["stage"] = stage
        if stray and "script" in job and rng.random() < 0.15:
            job["tags"] = ["nobody"]
        if names and rng.random() < 0.5:
            job["needs"] = rng.sample(names, rng.randint(0, min(3, len(names))))
        if rng.random() < 0.2:
            job.setdefault("needs", []).append({"job": "absent", "optional": True})
        if grouped and rng.random() < 0.5:
            job["resource_group"] = rng.choice(GROUPS)
        if deploying and rng.random() < 0.3:
            job["environment"] = {"name": rng.choice(["live", "review"])}
        if rng.random() < 0.25:
            _by_rules(job)
        config[name] = job
        names.append(name)
    if deploying and rng.random() < 0.5:
        _add_stop_job(rng, config, prefix)
    config["absent"] = {"stage": STAGES[0], "script": "x", "rules": [{"if": "$NONE", "when": "always"}]}
    return config


def _build(rng: Random) -> dict[str, Any]:
    job: dict[str, Any] = {"script": "x", "when": rng.choice(WHENS), "retry": rng.choice([0, 0, 1, 2])}
    job["interruptible"] = rng.random() < 0.5
    allowed = rng.choice([None, True, False, {"exit_codes": [2]}])
    if allowed is not None:
        job["allow_failure"] = allowed
    if job["when"] == "delayed":
        job["start_in"] = "1 hour"
    return job


def _trigger(rng: Random, targets: Sequence[dict[str, str]]) -> dict[str, Any]:
    strategy = rng.choice(STRATEGIES)
    trigger = {**rng.choice(targets), **({"strategy": strategy} if strategy else {})}
    job: dict[str, Any] = {
        "trigger": trigger,
        "when": rng.choice(["on_success"] * 3 + ["manual", "on_failure", "always"]),
    }
    if rng.random() < 0.6:
        job["allow_failure"] = rng.random() < 0.5
    return job


def _by_rules(job: dict[str, Any]) -> None:
    """Has the last of two rules say when the job starts and whether it may fail."""
    moved = {key: job.pop(key) for key in ("when", "start_in") if key in job}
    if isinstance(job.get("allow_failure"), bool):
        moved["allow_failure"] = job.pop("allow_failure")
    job["rules"] = [{"if": "$NONE", "when": "never"}, moved]


def _add_stop_job(rng: Random, config: dict[str, Any], prefix: str) -> None:
    """Gives the first job that deploys a job that stops its environment."""
    deploying = [job for name, job in config.items() if name.startswith(prefix) and "environment" in job]
    if deploying:
        first = deploying[0]
        first["environment"] |= {"on_stop": f"{prefix}stop", "auto_stop_in": "5 hours"}
        config[f"{prefix}stop"] = {
            "stage": first["stage"],
            "script": "x",
            "when": rng.choice(["manual", "on_success"]),
            "allow_failure": True,
            "environment": {"name": first["environment"]["name"], "action": "stop"},
        }
