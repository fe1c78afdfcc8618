"""What an operator sets takes effect, what makes no sense is refused by name, and the documentation lists all of it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields

import pytest
from django.core.exceptions import ImproperlyConfigured

from ci_core.compiler import Limits
from ci_core.configuration import configured_limits
from config.env import ROOT, compiler_limits, number, read_env

#: PostgreSQL's defaults: connections, and those of them that are kept for superusers.
MAX_CONNECTIONS, RESERVED = 100, 3
#: Beside its pool, a web process has a connection that listens; a worker has four to take tasks with, two that listen
#: for them, and that of the relay.
LISTENING, WORKER = 1, 7

DOCUMENTED = set(
    re.findall(r"\bPIPEYARD_[A-Z_]+\b", (ROOT / "docs" / "settings.md").read_text(encoding="utf-8"))
)


def test_the_page_lists_what_is_read_and_nothing_else():
    text = (ROOT / "config" / "env.py").read_text(encoding="utf-8") + (
        ROOT / "config" / "settings.py"
    ).read_text(encoding="utf-8")
    read = set(re.findall(r'(?:env\.\w+|number)\(\s*"(PIPEYARD_[A-Z_]+)"', text))
    read |= {f"PIPEYARD_GRAPHQL_{name}" for name in re.findall(r'limit\("([A-Z_]+)"', text)}
    read |= {f"PIPEYARD_CI_{field.name.upper()}" for field in fields(Limits)}
    assert read == DOCUMENTED


def test_the_page_has_the_defaults_of_the_compiler():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for line in page.splitlines():
        names = re.findall(r"PIPEYARD_CI_([A-Z_]+)", line)
        if names:
            told = [int(value.replace(",", "")) for value in re.findall(r"\d[\d,]*\d|\d", line.split("|")[2])]
            assert told == [getattr(Limits(), name.lower()) for name in names], line


@pytest.mark.parametrize(("given", "value"), [("", 7), (" 12 ", 12)])
def test_a_number(monkeypatch, given, value):
    monkeypatch.setenv("PIPEYARD_SOME_LIMIT", given)
    assert number("PIPEYARD_SOME_LIMIT", 7) == value


@pytest.mark.parametrize("given", ["0", "-3", "many", "1.5", "nan"])
def test_no_number(monkeypatch, given):
    monkeypatch.setenv("PIPEYARD_SOME_LIMIT", given)
    with pytest.raises(
        ImproperlyConfigured, match=r"PIPEYARD_SOME_LIMIT must be a whole number of at least 1"
    ):
        number("PIPEYARD_SOME_LIMIT", 7)


def test_no_number_where_parts_are_allowed(monkeypatch):
    monkeypatch.setenv("PIPEYARD_SOME_LIMIT", "nan")
    with pytest.raises(ImproperlyConfigured, match=r"must be a number of at least 1, not 'nan'"):
        number("PIPEYARD_SOME_LIMIT", 7.5)


@pytest.mark.parametrize(("cores", "processes"), [(1, 1), (2, 2), (4, 4), (64, 4)])
def test_a_web_process_for_each_core_up_to_four(monkeypatch, cores, processes):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    monkeypatch.delenv("PIPEYARD_WEB_PROCESSES", raising=False)
    assert read_env().web_processes == processes


@pytest.mark.parametrize("processes", range(1, 17))
def test_the_connections_of_all_processes_fit_into_postgresql(monkeypatch, processes):
    monkeypatch.setenv("PIPEYARD_WEB_PROCESSES", str(processes))
    monkeypatch.delenv("PIPEYARD_DATABASE_POOL", raising=False)
    pool = read_env().database_pool
    web, worker = processes * (pool + LISTENING), pool + WORKER
    assert web + worker <= MAX_CONNECTIONS - RESERVED


def test_limits_of_the_compiler(monkeypatch, settings):
    monkeypatch.setenv("PIPEYARD_CI_NEEDS_PER_JOB", "80")
    monkeypatch.setenv("PIPEYARD_CI_JOBS", "")
    settings.PIPEYARD_CI_LIMITS = compiler_limits()
    assert configured_limits() == Limits(needs_per_job=80)


def test_a_limit_that_there_is_not_stops_the_process():
    done = subprocess.run(
        [sys.executable, "manage.py", "ci_compile", "fixtures"],
        cwd=ROOT,
        env={**os.environ, "PIPEYARD_CI_NEEDS": "80"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode
    assert "The compiler has no limit 'needs'. Its limits are caches_per_job, " in done.stderr


def test_settings_come_from_the_environment():
    code = "from django.conf import settings as s; print(s.PIPEYARD_PAGE_LIMIT, s.PIPEYARD_SCHEDULES_PER_PROJECT)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PIPEYARD_PAGE_LIMIT": "500",
            "PIPEYARD_SCHEDULES_PER_PROJECT": "3",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["500", "3"]
